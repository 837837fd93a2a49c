package ci_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/ci"
	"github.com/tailjoin/tailjoin/internal/secret"
)

func TestSecret_isHiddenBeforeItIsHandedOn(t *testing.T) {
	r := newRunner(t)
	if err := r.job().Secret("access-token", secret.New("tskey-api-1")); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff("::add-mask::tskey-api-1\n", r.said()); d != "" {
		t.Errorf("words (-want +got):\n%s", d)
	}
	if got := r.file(t, "GITHUB_OUTPUT"); !strings.HasPrefix(got, "access-token<<") || !strings.Contains(got, "\ntskey-api-1\n") {
		t.Errorf("GITHUB_OUTPUT = %q", got)
	}
}

func TestSecret_ofAzureIsASecretVariable(t *testing.T) {
	p := &page{}
	if err := p.job(platforms["azure"].vars).Secret("access-token", secret.New("a%b")); err != nil {
		t.Fatal(err)
	}
	want := "##vso[task.setvariable variable=TAILJOIN_ACCESS_TOKEN;isOutput=true;issecret=true]a%AZP25b\n" +
		"##vso[task.setvariable variable=TAILJOIN_ACCESS_TOKEN;issecret=true]a%AZP25b\n"
	if d := cmp.Diff(want, p.masks.String()); d != "" || p.results.Len()+p.words.Len() > 0 {
		t.Errorf("masks (-want +got):\n%s", d)
	}
}

func TestSecret_isNotHandedOnWhereALogWouldShowIt(t *testing.T) {
	p := &page{}
	for name, job := range map[string]ci.Job{
		"gitlab": p.job(platforms["gitlab"].vars), "circleci": p.job(platforms["circleci"].vars), "buildkite": p.job(platforms["buildkite"].vars),
		"bitbucket": p.job(platforms["bitbucket"].vars), "local": p.job(nil), "github without a file": p.job(map[string]string{"GITHUB_ACTIONS": "true"}),
	} {
		if err := job.Secret("access-token", secret.New("tskey-api-1")); !errors.Is(err, ci.ErrNoSecrets) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if shown := p.results.String() + p.words.String() + p.masks.String(); shown != "" {
		t.Errorf("shown: %s", shown)
	}
}

func TestKeep_isHiddenBeforeItIsAVariable(t *testing.T) {
	r := newRunner(t)
	job := r.job()
	if err := job.Keep("TS_AUTHKEY", secret.New("tskey-auth-1")); err != nil || !job.Keeps {
		t.Fatal(job.Keeps, err)
	}
	if d := cmp.Diff("::add-mask::tskey-auth-1\n", r.said()); d != "" {
		t.Errorf("words (-want +got):\n%s", d)
	}
	if got := r.file(t, "GITHUB_ENV"); !strings.HasPrefix(got, "TS_AUTHKEY<<") || !strings.Contains(got, "\ntskey-auth-1\n") {
		t.Errorf("GITHUB_ENV = %q", got)
	}
	if got := r.file(t, "GITHUB_OUTPUT"); got != "" {
		t.Errorf("GITHUB_OUTPUT = %q", got)
	}
}

func TestKeep_ofAzureIsASecretVariable(t *testing.T) {
	p := &page{}
	job := p.job(platforms["azure"].vars)
	if err := job.Keep("TS_AUTHKEY", secret.New("a%b")); err != nil || !job.Keeps {
		t.Fatal(job.Keeps, err)
	}
	want := "##vso[task.setvariable variable=TS_AUTHKEY;issecret=true]a%AZP25b\n"
	if d := cmp.Diff(want, p.masks.String()); d != "" || p.results.Len()+p.words.Len() > 0 {
		t.Errorf("masks (-want +got):\n%s", d)
	}
}

func TestKeep_inAnEnvFileIsForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(path, []byte("export A='b'\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := &page{}
	job := mustEnvFile(t, p.job(platforms["circleci"].vars), path)
	if err := job.Keep("TS_AUTHKEY", secret.New("it's")); err != nil || !job.Keeps {
		t.Fatal(job.Keeps, err)
	}
	if got, err := os.ReadFile(path); string(got) != "export A='b'\nexport TS_AUTHKEY='it'\\''s'\n" {
		t.Errorf("the file holds %q, %v", got, err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if shown := p.results.String() + p.words.String() + p.masks.String(); shown != "" {
		t.Errorf("shown: %s", shown)
	}
}

func TestKeep_isRefusedWhereALogWouldShowIt(t *testing.T) {
	p := &page{}
	for name, job := range map[string]ci.Job{
		"gitlab": p.job(platforms["gitlab"].vars), "buildkite": p.job(platforms["buildkite"].vars), "bitbucket": p.job(platforms["bitbucket"].vars),
		"local": p.job(nil), "github without a file": p.job(map[string]string{"GITHUB_ACTIONS": "true"}),
	} {
		if err := job.Keep("TS_AUTHKEY", secret.New("tskey-auth-1")); !errors.Is(err, ci.ErrNoSecrets) || job.Keeps {
			t.Errorf("%s: error %v, keeps %t", name, err, job.Keeps)
		}
	}
	if shown := p.results.String() + p.words.String() + p.masks.String(); shown != "" {
		t.Errorf("shown: %s", shown)
	}
}

func TestHides_whereThePlatformIsTold(t *testing.T) {
	withAgent := maps.Clone(platforms["buildkite"].vars)
	withAgent["BUILDKITE_AGENT_JOB_API_SOCKET"] = filepath.Join(t.TempDir(), "socket")
	p := &page{}
	for name, c := range map[string]struct {
		vars map[string]string
		want bool
	}{
		"github": {newRunner(t).vars, true}, "azure": {platforms["azure"].vars, true},
		"buildkite": {withAgent, true}, "buildkite without its agent": {platforms["buildkite"].vars, false},
		"gitlab": {platforms["gitlab"].vars, false}, "circleci": {platforms["circleci"].vars, false}, "local": {nil, false},
	} {
		if got := p.job(c.vars).Hides; got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
