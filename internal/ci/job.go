// Package ci is the platform a job runs on: how a job there reads inputs and
// talks back.
package ci

import (
	"cmp"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// An Env looks up an environment variable. A variable that is not set is "".
type Env func(name string) string

// A Job is the CI job this process runs in. Every field is set: what a
// platform lacks is filled by a plain form that works anywhere.
type Job struct {
	Platform   string // "github", "gitlab", …, "local"
	Marker     string // the variable by which the platform was known; "" if by none
	Repository string // OWNER/REPO
	Ref        string // the ref that was built: refs/heads/main
	Claimed    string // what its ID token calls the repository; "" if that names none
	Run        string // the number or ID of this run; "" outside of any CI
	Step       string // which job of the run this is; "" if nothing says so
	Pull       int    // number of the pull request that this is for; 0 if it is for none, or the platform is not GitHub
	RunURL     string // a page of this run
	Name       string // what a node of this job is called when nobody names it
	TempDir    string // this job's alone, and the same for each of its commands
	OwnTemp    bool   // we make TempDir, and a leave removes it; the platform gave us none
	CacheDir   string // kept between jobs, where the platform does that
	EnvFile    string // what later commands of the job source by themselves; mostly none
	Debug      bool   // the user asked the platform for debug output
	Hides      bool   // Mask reaches the platform, which hides the secret in its log
	Keeps      bool   // Keep works here

	Input    func(name string) string               // "" if it was not given
	Mask     func(secret.Text)                      // has the platform hide it in every log
	Output   func(name, value string) error         // for later steps
	Secret   func(name string, s secret.Text) error // an output that no log shows; ErrNoSecrets where there is no such thing
	Variable func(name, value string) error         // of the environment of later steps
	Keep     func(name string, s secret.Text) error // a variable that no log shows; ErrNoSecrets where there is no such thing
	Path     func(dir string) error                 // puts dir on the PATH of later steps
	Group    func(title string) (end func())
	Summary  func(markdown string) error
	Report   func(*diag.Problem)      // the one error of this process
	Warn     func(diag.Place)         // a place of a file that somebody should look at
	Harmless func(line string) string // a line that the platform takes for text
	Log      slog.Handler
}

// ErrNoSecrets says that the platform hands no secret on without showing it.
var ErrNoSecrets = errors.New("nothing hands a secret on to later steps here without showing it")

// platforms are tried in order: a GitHub runner may itself run on a machine
// that carries another platform's variables. The markers that mean most come
// first; Bitbucket has none that says "a job runs", only a job's number.
var platforms = []struct {
	marker string // a variable set there and nowhere else
	open   func(Env, Streams) Job
}{
	{"GITHUB_ACTIONS", github},
	{"GITLAB_CI", gitlab},
	{"BUILDKITE", buildkite},
	{"CIRCLECI", circleci},
	{"TF_BUILD", azure},
	{"BITBUCKET_BUILD_NUMBER", bitbucket},
}

// Streams are where a job's words go. Results are what a later program
// reads; Words are for people; Masks carry the secrets that the platform is to
// hide, so nothing may change them on the way.
type Streams struct {
	Results, Words, Masks io.Writer
	Clean                 func(string) string // takes secrets out of a text; nil leaves it as it is
}

// Detect opens the job that the environment speaks of. A process outside of
// any CI is a job too, a local one.
func Detect(env Env, s Streams) Job {
	for _, p := range platforms {
		if isSet(env(p.marker)) {
			job := p.open(env, s)
			job.Marker = p.marker
			return job.cleanWords(s)
		}
	}
	return local(env, s).cleanWords(s)
}

// isSet takes "false" for what it says.
func isSet(value string) bool { return value != "" && !strings.EqualFold(value, "false") }

// Variable is the environment variable that carries an input, everywhere.
func Variable(input string) string {
	return "TAILJOIN_" + strings.ToUpper(strings.ReplaceAll(input, "-", "_"))
}

func inputs(env Env) func(string) string {
	return func(name string) string { return env(Variable(name)) }
}

// nodeName tells the jobs of a run apart, as far as the environment does: a
// node's name is unique in its tailnet by a number that is added to it. It
// becomes a DNS label of 63 characters, in which a long repository must leave
// room for the run.
func nodeName(platform, repository string, run ...string) string {
	parts := []string{platform, shortened(repository[strings.LastIndexByte(repository, '/')+1:])}
	return strings.Join(nonEmpty(append(parts, run...)), "-")
}

func shortened(name string) string { return name[:min(len(name), 24)] }

func nonEmpty(parts []string) (some []string) {
	for _, part := range parts {
		if part != "" {
			some = append(some, part)
		}
	}
	return some
}

// refOf is the full name of a ref, of which a platform says the tag or the
// branch.
func refOf(tag, branch string) string {
	switch {
	case tag != "":
		return "refs/tags/" + tag
	case branch != "":
		return "refs/heads/" + branch
	}
	return ""
}

// tempOf is a directory for the job with this ID, which its join finds and its
// leave. It is not in TMPDIR: a job's script may set that for itself alone, and
// the path of macOS's is too long for a socket below it.
func tempOf(id string) string {
	root := "/tmp"
	if runtime.GOOS == "windows" {
		root = os.TempDir()
	}
	return filepath.Join(root, "tailjoin-"+cmp.Or(strings.Map(alphanumeric, id), userID()))
}

// alphanumeric drops what has a meaning in a path.
func alphanumeric(r rune) rune {
	if r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
		return r
	}
	return -1
}
