package ci

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/sethvargo/go-githubactions"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// An actionsServer is a server whose runners set GitHub's variables.
type actionsServer struct {
	platform string
	marker   string // a variable that its runners set and GitHub's do not
	run      string // the variable with the number that the address of a run ends with
}

// actionsServers are tried in order: Forgejo's runner sets Gitea's marker too.
var actionsServers = []actionsServer{
	{"forgejo", "FORGEJO_ACTIONS", "GITHUB_RUN_NUMBER"},
	{"gitea", "GITEA_ACTIONS", "GITHUB_RUN_NUMBER"},
}

func actionsServerOf(env Env) actionsServer {
	for _, s := range actionsServers {
		if isSet(env(s.marker)) {
			return s
		}
	}
	return actionsServer{platform: "github", run: "GITHUB_RUN_ID"}
}

// github is a job of GitHub Actions, or of Forgejo or Gitea, whose runners do
// the same. go-githubactions speaks to them; what it leaves open is closed here:
// its file commands panic where the runner set no file, and their delimiter
// is a constant that a value may hold.
func github(env Env, s Streams) Job {
	g := githubJob{env: env, action: githubAction(env, s.Words), masks: githubAction(env, s.Masks)}
	server := actionsServerOf(env)
	job := plainJob(env, s, server.platform, env("RUNNER_DEBUG") == "1", noWorkflowCommand)
	job.Repository, job.Ref = env("GITHUB_REPOSITORY"), env("GITHUB_REF")
	job.Claimed, job.Run, job.Step = job.Repository, env("GITHUB_RUN_ID"), env("GITHUB_JOB")
	job.Pull = pullRequest(env)
	job.RunURL = fmt.Sprintf("%s/%s/actions/runs/%s", env("GITHUB_SERVER_URL"), env("GITHUB_REPOSITORY"), env(server.run))
	job.Name = nodeName(server.platform, job.Repository, job.Run, env("GITHUB_RUN_ATTEMPT"), job.Step)
	job.TempDir, job.OwnTemp = cmp.Or(env("RUNNER_TEMP"), local(env, s).TempDir), env("RUNNER_TEMP") == ""
	job.CacheDir = toolCache(env("RUNNER_TOOL_CACHE"), job.CacheDir)

	job.Mask, job.Hides, job.Secret = g.mask, true, g.secret
	job.Output, job.Variable, job.Path = g.output, g.variable, g.path
	job.Keep, job.Keeps = g.keep, env("GITHUB_ENV") != ""
	job.Group = func(title string) func() { g.action.Group(title); return g.action.EndGroup }
	job.Summary, job.Report, job.Warn = g.summary, g.report, g.warn
	job.Log = logTo(s, level(job.Debug), workflowCommand)
	return job
}

type githubJob struct {
	env           Env
	action, masks *githubactions.Action
}

func githubAction(env Env, out io.Writer) *githubactions.Action {
	return githubactions.New(githubactions.WithGetenv(githubactions.GetenvFunc(env)), githubactions.WithWriter(forgivingWriter{out}))
}

// A forgivingWriter reports no error. go-githubactions panics at one, and what
// is not printed is no reason to end a join or a leave.
type forgivingWriter struct{ io.Writer }

func (w forgivingWriter) Write(p []byte) (int, error) {
	w.Writer.Write(p)
	return len(p), nil
}

// toolCache is where the platform keeps tools between jobs, if it does.
func toolCache(dir, otherwise string) string {
	if dir == "" {
		return otherwise
	}
	return filepath.Join(dir, "tailjoin")
}

// mask has the runner hide a secret, line by line, as it looks for them.
func (g githubJob) mask(s secret.Text) {
	for line := range strings.Lines(s.Reveal()) {
		if line = strings.TrimSpace(line); line != "" {
			g.masks.AddMask(line)
		}
	}
}

// delimiter is the constant with which go-githubactions ends a value.
const delimiter = "_GitHubActionsFileCommandDelimeter_"

func (g githubJob) output(name, value string) error {
	return g.setting("output "+name, value, "GITHUB_OUTPUT", func() { g.action.SetOutput(name, value) })
}

func (g githubJob) secret(name string, s secret.Text) error {
	if g.env("GITHUB_OUTPUT") == "" {
		return ErrNoSecrets
	}
	g.mask(s)
	return g.output(name, s.Reveal())
}

func (g githubJob) keep(name string, s secret.Text) error {
	if g.env("GITHUB_ENV") == "" {
		return ErrNoSecrets
	}
	g.mask(s)
	return g.variable(name, s.Reveal())
}

func (g githubJob) variable(name, value string) error {
	return g.setting("variable "+name, value, "GITHUB_ENV", func() { g.action.SetEnv(name, value) })
}

func (g githubJob) path(dir string) error {
	return g.setting("PATH", dir, "GITHUB_PATH", func() { g.action.AddPath(dir) })
}

// setting writes a value, unless it would set something else, too.
func (g githubJob) setting(what, value, file string, command func()) error {
	if err := checkLine(value); err != nil || strings.Contains(value, delimiter) {
		return fmt.Errorf("writing %s: %w", what, errUnsafe)
	}
	return g.fileCommand(file, command)
}

// summary adds to the job's page. It is not worth failing for.
func (g githubJob) summary(markdown string) error {
	return g.fileCommand("GITHUB_STEP_SUMMARY", func() { g.action.AddStepSummary(markdown) })
}

// fileCommand runs a command that is written to a file, and turns the panic
// of go-githubactions into an error.
func (g githubJob) fileCommand(file string, command func()) (err error) {
	if g.env(file) == "" {
		return nil
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("writing %s: %v", file, r)
		}
	}()
	command()
	return nil
}

// workflowCommand is a log line as the runner reads it. A line of ours must
// not be taken for a command it was not meant to be.
func workflowCommand(level slog.Level, text string) string {
	switch {
	case level < slog.LevelInfo:
		return "::debug::" + escape(text)
	case level < slog.LevelWarn:
		return noWorkflowCommand(text)
	default:
		return "::warning title=tailjoin::" + escape(text)
	}
}

// noWorkflowCommand breaks both forms of a command: the runner looks for the
// old one anywhere in a line, and for :: where the line begins, blanks aside.
// Elsewhere it is part of an IPv6 address.
// Source: actions/runner, ActionCommand.cs.
func noWorkflowCommand(text string) string {
	text = strings.ReplaceAll(printable(text), "##[", "# #[")
	begin := strings.IndexFunc(text, func(r rune) bool { return !unicode.IsSpace(r) && unicode.IsPrint(r) })
	if begin < 0 || !strings.HasPrefix(text[begin:], "::") {
		return text
	}
	return text[:begin] + ": :" + text[begin+len("::"):]
}

// escape is the runner's own encoding of a command's message.
// Source: actions/runner, ActionCommand.cs.
func escape(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(text)
}
