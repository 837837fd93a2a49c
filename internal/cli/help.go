package cli

import (
	"errors"
	"flag"
	"fmt"
)

// help prints a command's flags if that is what err asks for.
func (f *front) help(fs *flag.FlagSet, err error) error {
	if !errors.Is(err, flag.ErrHelp) {
		return err
	}
	words := f.streams[1]
	fmt.Fprintf(words, "Flags of tailjoin %s:\n", fs.Name())
	fs.VisitAll(func(flag *flag.Flag) {
		fmt.Fprintf(words, "  --%-18s %s%s\n", flag.Name, flag.Usage, byDefault(flag))
	})
	return err
}

func byDefault(flag *flag.Flag) string {
	if flag.DefValue == "" {
		return ""
	}
	return " (default " + flag.DefValue + ")"
}
