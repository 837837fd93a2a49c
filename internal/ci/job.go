// Package ci is the platform a job runs on: how a job there reads inputs and
// talks back.
package ci

import (
	"io"
	"log/slog"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// An Env looks up an environment variable. A variable that is not set is "".
type Env func(name string) string

// A Job is the CI job this process runs in. Every field is set: what a
// platform lacks is filled by a plain form that works anywhere.
type Job struct {
	Platform   string // "github", "local"
	Repository string // OWNER/REPO
	Ref        string // the ref that was built
	RunURL     string // a page of this run
	Name       string // what a node of this job is called when nobody names it
	TempDir    string // emptied by the platform after the job, where it does that
	CacheDir   string // kept between jobs, where the platform does that
	Debug      bool   // the user asked the platform for debug output

	Input   func(name string) string       // "" if it was not given
	Mask    func(secret.Text)              // has the platform hide it in every log
	Output  func(name, value string) error // for later steps
	Path    func(dir string) error         // puts dir on the PATH of later steps
	Group   func(title string) (end func())
	Summary func(markdown string) error
	Report  func(*diag.Problem) // the one error of this process
	Log     slog.Handler
}

// platforms are tried in order: a GitHub runner may itself run on a machine
// that carries another platform's variables.
var platforms = []struct {
	marker string // a variable set there and nowhere else
	open   func(Env, Streams) Job
}{
	{"GITHUB_ACTIONS", github},
}

// Streams are where a job's words go. Results are what a later program
// reads; Words are for people; Masks carry the secrets that the platform is to
// hide, so nothing may change them on the way.
type Streams struct{ Results, Words, Masks io.Writer }

// Detect opens the job that the environment speaks of. A process outside of
// any CI is a job too, a local one.
func Detect(env Env, s Streams) Job {
	for _, p := range platforms {
		if env(p.marker) != "" {
			return p.open(env, s)
		}
	}
	return local(env, s)
}

// Variable is the environment variable that carries an input, everywhere.
func Variable(input string) string {
	return "TAILJOIN_" + strings.ToUpper(strings.ReplaceAll(input, "-", "_"))
}

func inputs(env Env) func(string) string {
	return func(name string) string { return env(Variable(name)) }
}
