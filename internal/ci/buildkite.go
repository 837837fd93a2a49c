package ci

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// buildkite is a job of Buildkite. Its hooks and its command are processes of
// one environment; buildkite-agent, where it can be called, masks and
// annotates.
func buildkite(env Env, s Streams) Job {
	job := plainJob(env, s, "buildkite", isSet(env("BUILDKITE_AGENT_DEBUG")), noHeader)
	job.Repository = repositoryOf(env("BUILDKITE_REPO"))
	job.Ref = refOf(env("BUILDKITE_TAG"), env("BUILDKITE_BRANCH"))
	if organization := env("BUILDKITE_ORGANIZATION_SLUG"); organization != "" {
		job.Claimed = organization + "/" + env("BUILDKITE_PIPELINE_SLUG")
	}
	job.Run = env("BUILDKITE_BUILD_NUMBER")
	job.Step = cmp.Or(env("BUILDKITE_STEP_KEY"), lastPart(env("BUILDKITE_JOB_ID")))
	job.RunURL = env("BUILDKITE_BUILD_URL") + "#" + env("BUILDKITE_JOB_ID")
	job.Name = nodeName("buildkite", env("BUILDKITE_PIPELINE_SLUG"), job.Run, env("BUILDKITE_RETRY_COUNT"), job.Step, env("BUILDKITE_PARALLEL_JOB"))
	job.TempDir, job.OwnTemp = tempOf(env("BUILDKITE_JOB_ID")), true // each try of a job has its own ID

	b := buildkiteJob{env, s}
	job.Mask, job.Report = b.mask, b.report
	job.Hides = env("BUILDKITE_AGENT_JOB_API_SOCKET") != ""
	job.Summary = func(markdown string) error { return b.annotate("info", markdown) }
	job.Group = func(title string) func() {
		line(s.Words, "--- %s\n", printable(title))
		return func() { line(s.Words, "+++ tailjoin\n") } // a part ends only where another begins
	}
	return job
}

// repositoryOf is what a Git remote is called on its server. The rest of the
// address may hold a password.
func repositoryOf(remote string) string {
	_, path, _ := strings.Cut(remote, ":") // git@HOST:OWNER/REPO.git
	if address, err := url.Parse(remote); err == nil {
		path = address.Path
	}
	return strings.TrimSuffix(strings.Trim(path, "/"), ".git")
}

func lastPart(id string) string { return id[strings.LastIndexByte(id, '-')+1:] }

type buildkiteJob struct {
	env Env
	Streams
}

// mask has the agent hide a secret, if it can be told by way of its job API.
// If not, our own words still do not show it.
func (b buildkiteJob) mask(s secret.Text) {
	if b.env("BUILDKITE_AGENT_JOB_API_SOCKET") != "" {
		b.agent(s.Reveal(), "redactor", "add")
	}
}

// report opens the part of the log that the problem is in.
func (b buildkiteJob) report(p *diag.Problem) {
	line(b.Words, "^^^ +++\n")
	writeLines(b.Words, p.Text(), noHeader)
	b.annotate("error", problemMarkdown(p))
}

// annotate adds to the job's own page: on that of the build, the annotations of
// many jobs would hide each other.
func (b buildkiteJob) annotate(style, markdown string) error {
	return b.agent(markdown, "annotate", "--scope=job", "--context=tailjoin-"+style, "--style="+style)
}

// agentLimit is for one call of buildkite-agent, which may speak to Buildkite.
const agentLimit = 5 * time.Second

// agent runs buildkite-agent, if it is there, with text as its input.
func (b buildkiteJob) agent(text string, args ...string) error {
	program, err := exec.LookPath(filepath.Join(b.env("BUILDKITE_BIN_PATH"), "buildkite-agent"))
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), agentLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = b.agentEnv()
	cmd.Stdin = strings.NewReader(text)
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running buildkite-agent %s: %w", args[0], err)
	}
	return nil
}

// ofAgent are the variables that buildkite-agent needs: a job's environment
// holds secrets that are none of its business.
var ofAgent = []string{
	"PATH", "HOME", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
	"BUILDKITE_JOB_ID", "BUILDKITE_AGENT_ACCESS_TOKEN", "BUILDKITE_AGENT_ENDPOINT",
	"BUILDKITE_AGENT_JOB_API_SOCKET", "BUILDKITE_AGENT_JOB_API_TOKEN",
}

func (b buildkiteJob) agentEnv() []string {
	env := []string{}
	for _, name := range ofAgent {
		if value := b.env(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// headers begin a part of the log, or open the one before.
// Source: buildkite/agent, headerRE and headerExpansionRE.
var headers = []string{"---", "+++", "~~~", "^^^"}

// noHeader keeps a line from beginning a part of the log.
func noHeader(text string) string {
	text = printable(text)
	for _, header := range headers {
		if strings.HasPrefix(text, header) {
			return " " + text
		}
	}
	return text
}
