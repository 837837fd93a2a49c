package spec_test

import (
	"testing"

	"github.com/tailjoin/tailjoin/internal/spec"
)

func TestExpand_makesALabel(t *testing.T) {
	job := spec.Naming{Repository: "acme/group/Web_App.js", Run: "7000000001", Job: "build (linux, amd64)"}
	for pattern, want := range map[string]string{
		"ci":                       "ci",
		"{repository}-{run}":       "web-app-js-7000000001",
		"ci-{job}":                 "ci-build-linux-amd64",
		"{repository}-{job}-{run}": "web-app-js-build-linux-amd64-7000000001",
	} {
		if got := job.Expand(pattern); got != want {
			t.Errorf("%s: got %q, want %q", pattern, got, want)
		}
	}
}

// At a terminal there is no run: what is empty leaves no gap.
func TestExpand_withoutAJob(t *testing.T) {
	for pattern, want := range map[string]string{"{repository}-{run}": "", "ci-{run}-{job}": "ci", "a-{run}-b": "a-b", "{job}": ""} {
		if got := (spec.Naming{}).Expand(pattern); got != want {
			t.Errorf("%s: got %q, want %q", pattern, got, want)
		}
	}
}

func TestExpand_leavesRoomForTheRun(t *testing.T) {
	long := spec.Naming{Repository: "acme/a-repository-with-a-name-that-nobody-can-remember-at-all", Run: "7000000001", Job: "deploy"}
	if got, want := long.Expand("{repository}-{run}-{job}"), "a-repository-with-a-name-7000000001-deploy"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzExpand_isALabelOrNothing(f *testing.F) {
	f.Add("{repository}-{run}-{job}", "acme/web", "7", "build")
	f.Add("-{job}-", "a/\xff", "-", "é")
	f.Fuzz(func(t *testing.T, pattern, repository, run, job string) {
		label := spec.Naming{Repository: repository, Run: run, Job: job}.Expand(pattern)
		if label == "" {
			return
		}
		if err := spec.Hostname(label); err != nil {
			t.Errorf("%q: %q is no label: %v", pattern, label, err)
		}
	})
}
