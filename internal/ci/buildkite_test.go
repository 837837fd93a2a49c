//go:build unix

package ci_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/ci"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// withAgent is a job of Buildkite that has this script for its agent.
func withAgent(t *testing.T, script string) (job ci.Job, dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "buildkite-agent"), []byte("#!/bin/sh\ncd "+dir+"\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return new(page).job(map[string]string{
		"BUILDKITE": "true", "BUILDKITE_BIN_PATH": dir, "PATH": os.Getenv("PATH"), "BUILDKITE_JOB_ID": "j1",
		"BUILDKITE_AGENT_JOB_API_SOCKET": "/run/job.sock", "BUILDKITE_AGENT_JOB_API_TOKEN": "job-api",
		"TAILJOIN_OAUTH_SECRET": "tskey-client-hidden",
	}), dir
}

const recording = `echo "$@" >>args; cat >>input; env >>env`

func recorded(t *testing.T, dir, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestBuildkite_masksByTheAgentOnItsInput(t *testing.T) {
	job, dir := withAgent(t, recording)
	job.Mask(secret.New("first\nsecond"))
	if got := recorded(t, dir, "args"); got != "redactor add\n" {
		t.Errorf("the agent was called with %q", got)
	}
	if got := recorded(t, dir, "input"); got != "first\nsecond" {
		t.Errorf("the agent read %q", got)
	}
	env := recorded(t, dir, "env")
	if !strings.Contains(env, "BUILDKITE_AGENT_JOB_API_TOKEN=job-api\n") || strings.Contains(env, "tskey") || strings.Contains(env, "first") {
		t.Errorf("the agent's environment is %q", env)
	}
}

func TestBuildkite_annotatesTheJob(t *testing.T) {
	job, dir := withAgent(t, recording)
	if err := job.Summary("text"); err != nil {
		t.Error(err)
	}
	job.Report(&diag.Problem{Code: "x", Summary: "no"})
	want := "annotate --scope=job --context=tailjoin-info --style=info\nannotate --scope=job --context=tailjoin-error --style=error\n"
	if d := cmp.Diff(want, recorded(t, dir, "args")); d != "" {
		t.Error(d)
	}
	if got := recorded(t, dir, "input"); !strings.HasPrefix(got, "text### tailjoin: no\n") {
		t.Errorf("the agent read %q", got)
	}
}

func TestBuildkite_doesWithoutAnAgent(t *testing.T) {
	p := new(page)
	job := p.job(map[string]string{"BUILDKITE": "true", "BUILDKITE_BIN_PATH": t.TempDir(), "BUILDKITE_AGENT_JOB_API_SOCKET": "/run/job.sock"})
	job.Mask(secret.New("hidden"))
	if err := job.Summary("text"); err != nil {
		t.Error(err)
	}
	job.Report(&diag.Problem{Code: "x", Summary: "no"})
	if got := p.words.String(); !strings.HasPrefix(got, "^^^ +++\nerror: no\n") || strings.Contains(got, "hidden") {
		t.Errorf("words %q", got)
	}
}

func TestBuildkite_waitsForNoAgentForever(t *testing.T) {
	job, _ := withAgent(t, "exec sleep 60")
	began := time.Now()
	if err := job.Summary("text"); err == nil || time.Since(began) > 15*time.Second {
		t.Errorf("error %v after %v", err, time.Since(began))
	}
}
