package ci

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/sethvargo/go-githubactions"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// github is a job of GitHub Actions, or of Forgejo, which has the same
// contract. go-githubactions speaks it; what it leaves open is closed here:
// its file commands panic where the runner set no file, and their delimiter
// is a constant that a value may hold.
func github(env Env, s Streams) Job {
	g := githubJob{env: env, action: githubAction(env, s.Words), masks: githubAction(env, s.Masks)}
	debug := env("RUNNER_DEBUG") == "1"
	return Job{
		Platform:   "github",
		Repository: env("GITHUB_REPOSITORY"),
		Ref:        env("GITHUB_REF"),
		RunURL:     fmt.Sprintf("%s/%s/actions/runs/%s", env("GITHUB_SERVER_URL"), env("GITHUB_REPOSITORY"), env("GITHUB_RUN_ID")),
		Name:       g.nodeName(),
		TempDir:    cmp.Or(env("RUNNER_TEMP"), local(env, s).TempDir),
		CacheDir:   g.cacheDir(),
		Debug:      debug,

		Input:   inputs(env),
		Mask:    g.mask,
		Output:  g.output,
		Path:    g.path,
		Group:   func(title string) func() { g.action.Group(title); return g.action.EndGroup },
		Summary: g.summary,
		Report:  g.report,
		Log:     logTo(s.Words, level(debug), workflowCommand),
	}
}

type githubJob struct {
	env           Env
	action, masks *githubactions.Action
}

func githubAction(env Env, out io.Writer) *githubactions.Action {
	return githubactions.New(githubactions.WithGetenv(githubactions.GetenvFunc(env)), githubactions.WithWriter(out))
}

// nodeName tells the jobs of a run apart, as far as the environment does: a
// node's name is unique in its tailnet by a number that is added to it.
func (g githubJob) nodeName() string {
	_, repo, _ := strings.Cut(g.env("GITHUB_REPOSITORY"), "/")
	return strings.Join([]string{"github", repo, g.env("GITHUB_RUN_ID"), g.env("GITHUB_RUN_ATTEMPT"), g.env("GITHUB_JOB")}, "-")
}

func (g githubJob) cacheDir() string {
	if dir := g.env("RUNNER_TOOL_CACHE"); dir != "" {
		return filepath.Join(dir, "tailjoin")
	}
	return cacheDir(g.env)
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

var errUnsafe = errors.New("a value with a line break cannot be an output")

func (g githubJob) output(name, value string) error {
	if strings.ContainsAny(value, "\r\n") || strings.Contains(value, delimiter) {
		return fmt.Errorf("writing output %s: %w", name, errUnsafe)
	}
	return g.fileCommand("GITHUB_OUTPUT", func() { g.action.SetOutput(name, value) })
}

func (g githubJob) path(dir string) error {
	if strings.ContainsAny(dir, "\r\n") || strings.Contains(dir, delimiter) {
		return fmt.Errorf("adding to PATH: %w", errUnsafe)
	}
	return g.fileCommand("GITHUB_PATH", func() { g.action.AddPath(dir) })
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

// report annotates the step with the whole problem and repeats it on the
// job's page, where it is found without opening the log.
func (g githubJob) report(p *diag.Problem) {
	g.action.WithFieldsMap(map[string]string{"title": p.Summary}).Errorf("%s", strings.TrimSpace(p.Text()))
	g.summary("### tailjoin: " + p.Summary + "\n\n```text\n" + strings.ReplaceAll(p.Text(), "```", "'''") + "```\n")
}

// workflowCommand is a log line as the runner reads it. A line of ours must
// not be taken for a command it was not meant to be.
func workflowCommand(level slog.Level, text string) string {
	switch {
	case level < slog.LevelInfo:
		return "::debug::" + escape(text)
	case level < slog.LevelWarn:
		return strings.NewReplacer("\r", "", "\n", " ", "::", ": :").Replace(text)
	default:
		return "::warning title=tailjoin::" + escape(text)
	}
}

// escape is the runner's own encoding of a command's message.
// Source: actions/runner, ActionCommand.cs.
func escape(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(text)
}
