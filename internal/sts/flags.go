package sts

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/sts/config"
	"go.yaml.in/yaml/v3"
)

// A given is the value of a flag that somebody gave.
type given struct {
	values map[string]string
	name   string
	isBool bool
}

func (g given) String() string   { return "" }
func (g given) IsBoolFlag() bool { return g.isBool }

func (g given) Set(value string) error {
	g.values[g.name] = value
	return nil
}

// configured reads the configuration for a command: its flags, which may have
// declared some of its own, the variables and the file. words is how many
// further words the command takes.
func (f *front) configured(fs *flag.FlagSet, args []string, words int) (*config.Config, error) {
	values := map[string]string{}
	file := fs.String("config", "", "configuration file, in YAML; empty is the first of the usual places")
	for _, s := range config.Settings() {
		if !s.Secret {
			fs.Var(given{values, s.Flag(), s.IsBool()}, s.Flag(), s.Help)
		}
	}
	fs.SetOutput(io.Discard)
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		f.help(fs)
		return nil, err
	} else if err != nil {
		return nil, diag.Input(err.Error(), "see: tailjoin-sts "+fs.Name()+" --help")
	}
	if fs.NArg() > words {
		return nil, diag.Input(fmt.Sprintf("%q is one word too many", fs.Arg(words)), "flags go before other words; see: tailjoin-sts "+fs.Name()+" --help")
	}
	return config.Load(config.Source{
		File: config.Find(*file, f.env),
		Env:  f.env,
		Flags: func(name string) (string, bool) {
			value, ok := values[name]
			return value, ok
		},
	})
}

func (f *front) help(fs *flag.FlagSet) {
	fmt.Fprintf(f.Err, "Flags of tailjoin-sts %s:\n", fs.Name())
	defaults := map[string]string{}
	for _, s := range config.Settings() {
		defaults[s.Flag()] = s.Default
	}
	fs.VisitAll(func(flag *flag.Flag) {
		byDefault := ""
		if value := defaults[flag.Name]; value != "" {
			byDefault = " (default " + value + ")"
		}
		fmt.Fprintf(f.Err, "  --%s\n        %s%s\n", flag.Name, flag.Usage, byDefault)
	})
	fmt.Fprintln(f.Err, "Secrets have no flag, for a command line is for everybody to see:")
	for _, s := range config.Settings() {
		if s.Secret {
			fmt.Fprintf(f.Err, "  %s\n        %s\n", s.Variable(), s.Help)
		}
	}
}

// config is the command that shows what is in force.
func (f *front) config(_ context.Context, args []string) error {
	c, err := f.configured(flag.NewFlagSet("config", flag.ContinueOnError), args, 0)
	if err != nil {
		return err
	}
	text, err := yaml.Marshal(c)
	if err != nil {
		return fmt.Errorf("printing the configuration: %w", err)
	}
	_, err = f.Out.Write(text)
	return err
}
