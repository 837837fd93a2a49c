package ci

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/tailjoin/tailjoin/internal/secret"
)

// OutputVariable is the environment variable that carries an output. Three
// outputs are called as inputs are: a later join must not take them for what
// its user wants.
func OutputVariable(output string) string {
	switch output {
	case "hostname", "network", "version":
		output = "node-" + output
	}
	return Variable(output)
}

// An envFile is a file of shell commands that later commands of the job source.
type envFile string

// WithEnvFile is the job with a file in the place of what else tells later
// commands of outputs, variables and PATH. The file is made now, if it is not
// there, so that one that cannot be written is found out before any work.
func (j Job) WithEnvFile(path string) (Job, error) {
	file := envFile(path)
	if err := file.add(""); err != nil {
		return j, err
	}
	j.Output = func(name, value string) error { return file.set(OutputVariable(name), value) }
	j.Variable, j.Path = file.set, file.addPath
	j.Keep, j.Keeps = file.keep, true
	return j, nil
}

// keep makes the file its owner's alone first, if somebody else made it.
func (f envFile) keep(name string, s secret.Text) error {
	if err := os.Chmod(string(f), 0o600); err != nil {
		return fmt.Errorf("writing secret %s: %w", name, err)
	}
	return f.set(name, s.Reveal())
}

func (f envFile) set(name, value string) error {
	if err := checkLine(value); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return f.add("export " + name + "=" + quote(value) + "\n")
}

func (f envFile) addPath(dir string) error {
	if err := checkLine(dir); err != nil {
		return fmt.Errorf("adding to PATH: %w", err)
	}
	return f.add("export PATH=" + quote(dir) + `":$PATH"` + "\n")
}

func (f envFile) add(text string) error {
	file, err := os.OpenFile(string(f), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}

// quote makes one word of a shell of any text.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

var errUnsafe = errors.New("a value with a line break cannot be an output")

// checkLine refuses what could be more than the one line that it is written to.
func checkLine(value string) error {
	if strings.ContainsAny(value, "\r\n\x00") {
		return errUnsafe
	}
	return nil
}
