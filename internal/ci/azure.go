package ci

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// azure is a job of Azure Pipelines, whose agent reads logging commands from
// what a step prints.
// Source: https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands.
func azure(env Env, s Streams) Job {
	job := plainJob(env, s, "azure", isSet(env("SYSTEM_DEBUG")), noLoggingCommand)
	job.Repository, job.Ref = env("BUILD_REPOSITORY_NAME"), env("BUILD_SOURCEBRANCH")
	job.Run, job.Step = env("BUILD_BUILDID"), env("SYSTEM_PHASENAME")
	job.RunURL = fmt.Sprintf("%s%s/_build/results?buildId=%s", env("SYSTEM_COLLECTIONURI"), url.PathEscape(env("SYSTEM_TEAMPROJECT")), env("BUILD_BUILDID"))
	job.Name = nodeName("azure", job.Repository, job.Run, env("SYSTEM_JOBATTEMPT"), job.Step, matrixLeg(env))
	job.TempDir, job.OwnTemp = cmp.Or(env("AGENT_TEMPDIRECTORY"), local(env, s).TempDir), env("AGENT_TEMPDIRECTORY") == ""
	job.CacheDir = toolCache(env("AGENT_TOOLSDIRECTORY"), job.CacheDir)

	a := azureJob{s, env("AGENT_TEMPDIRECTORY")}
	job.Mask, job.Hides, job.Secret = a.mask, true, a.secret
	job.Output, job.Variable, job.Path = a.output, a.variable, a.path
	job.Keep, job.Keeps = a.keep, true
	job.Group = func(title string) func() {
		line(s.Words, "##[group]%s\n", noLoggingCommand(title))
		return func() { line(s.Words, "##[endgroup]\n") }
	}
	job.Summary, job.Report = a.summary, a.report
	job.Log = logTo(s, level(job.Debug), azureLine)
	return job
}

// matrixLeg is the job's name within its matrix, if there is one.
func matrixLeg(env Env) string {
	if leg := env("SYSTEM_JOBNAME"); leg != "__default" {
		return leg
	}
	return ""
}

type azureJob struct {
	Streams
	temp string // emptied by the agent after the job
}

// mask has the agent hide a secret, line by line: a command is a line.
func (a azureJob) mask(s secret.Text) {
	for each := range strings.Lines(s.Reveal()) {
		if each = strings.TrimSpace(each); each != "" {
			line(a.Masks, "##vso[task.setsecret]%s\n", azureData(each))
		}
	}
}

// output is for later jobs, which know it as an output of the step, and for
// later steps, which find it in their environment as on every platform.
func (a azureJob) output(name, value string) error {
	name = OutputVariable(name)
	return errors.Join(a.set(name+";isOutput=true", value), a.set(name, value))
}

// secret is an output that steps see only where they name it: $(NAME).
func (a azureJob) secret(name string, s secret.Text) error {
	if err := checkLine(s.Reveal()); err != nil {
		return fmt.Errorf("writing secret %s: %w", name, err)
	}
	name = OutputVariable(name)
	return errors.Join(a.setSecret(name+";isOutput=true", s), a.setSecret(name, s))
}

// keep makes a variable that steps see only where they name it, too.
func (a azureJob) keep(name string, s secret.Text) error {
	if err := checkLine(s.Reveal()); err != nil {
		return fmt.Errorf("writing secret %s: %w", name, err)
	}
	return a.setSecret(name, s)
}

// setSecret goes where nothing hides it on the way: the agent hides it.
func (a azureJob) setSecret(name string, s secret.Text) error {
	return line(a.Masks, "##vso[task.setvariable variable=%s;issecret=true]%s\n", name, azureData(s.Reveal()))
}

func (a azureJob) variable(name, value string) error { return a.set(name, value) }

func (a azureJob) set(name, value string) error {
	if err := checkLine(value); err != nil {
		return fmt.Errorf("writing variable %s: %w", name, err)
	}
	return line(a.Results, "##vso[task.setvariable variable=%s]%s\n", name, azureData(value))
}

func (a azureJob) path(dir string) error {
	if err := checkLine(dir); err != nil {
		return fmt.Errorf("adding to PATH: %w", err)
	}
	return line(a.Results, "##vso[task.prependpath]%s\n", azureData(dir))
}

// summary adds a page to the run. The agent reads the file some time before
// the job ends.
func (a azureJob) summary(markdown string) error {
	if a.temp == "" {
		return nil
	}
	file, err := os.CreateTemp(a.temp, "tailjoin-*.md")
	if err != nil {
		return fmt.Errorf("writing the summary: %w", err)
	}
	if _, err := file.WriteString(markdown); err != nil {
		file.Close()
		return fmt.Errorf("writing the summary: %w", err)
	}
	return errors.Join(file.Close(), line(a.Words, "##vso[task.uploadsummary]%s\n", azureData(file.Name())))
}

// report marks the run with the problem in one line, and has the rest below.
func (a azureJob) report(p *diag.Problem) {
	first, rest, _ := strings.Cut(p.Text(), "\n")
	line(a.Words, "##vso[task.logissue type=error]%s\n", azureData(strings.TrimPrefix(first, "error: ")))
	writeLines(a.Words, rest, noLoggingCommand)
	a.summary(problemMarkdown(p))
}

func azureLine(level slog.Level, text string) string {
	switch {
	case level < slog.LevelInfo:
		return "##[debug]" + noLoggingCommand(text)
	case level < slog.LevelWarn:
		return noLoggingCommand(text)
	default:
		return "##vso[task.logissue type=warning]tailjoin: " + azureData(text)
	}
}

// noLoggingCommand breaks what a command begins with: the agent looks for it
// anywhere in a line.
func noLoggingCommand(text string) string {
	text = printable(text)
	for strings.Contains(text, "##") {
		text = strings.ReplaceAll(text, "##", "# #")
	}
	return text
}

// azureData is the agent's own encoding of what stands behind a command.
// Source: microsoft/azure-pipelines-task-lib, taskcommand.ts.
func azureData(text string) string {
	return strings.NewReplacer("%", "%AZP25", "\r", "%0D", "\n", "%0A").Replace(text)
}
