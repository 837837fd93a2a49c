//go:build linux

package action

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// These tests run the scripts of the release workflow, with real git and a `gh` that keeps a release in a directory.

// A releaseTree is a repository with small stand-ins for what scripts/build makes, and the release commit of it.
type releaseTree struct {
	dir    string
	assets string // what the workflow hands from job to job
	commit string
}

const releaseURL = "https://github.com/tailjoin/tailjoin/releases/download/v1.2.3"

var releaseFiles = []string{
	"tailjoin-linux-amd64", "tailjoin-windows-amd64.exe", "tailjoin-sts-linux-amd64",
	"tailscaled-linux-amd64.zst", "tailscaled.version", "tailscaled.spans",
}

func newReleaseTree(t *testing.T) *releaseTree {
	t.Helper()
	r := &releaseTree{dir: t.TempDir(), assets: t.TempDir()}
	for _, name := range []string{"scripts/release-commit", "scripts/release-assets", "scripts/toolchain.sh", "go.mod"} {
		copyFile(t, filepath.Join(root, name), filepath.Join(r.dir, name))
	}
	r.git(t, "init", "-q", "-b", "main")
	r.git(t, "add", ".")
	r.git(t, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "sources")
	var sums strings.Builder
	for _, name := range releaseFiles {
		writeFile(t, filepath.Join(r.assets, name), "the file "+name)
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256([]byte("the file "+name)), name)
	}
	fmt.Fprintf(&sums, "%x  tailscaled-linux-amd64\n", sha256.Sum256([]byte("the daemon unpacked")))
	writeFile(t, filepath.Join(r.assets, "SHA256SUMS"), sums.String())
	r.commit = strings.TrimSpace(r.mustRun(t, "scripts/release-commit", r.assets, releaseURL))
	return r
}

func (r *releaseTree) git(t *testing.T, args ...string) {
	t.Helper()
	r.mustRun(t, "git", args...)
}

func (r *releaseTree) mustRun(t *testing.T, program string, args ...string) string {
	t.Helper()
	return outputOf(t, r.dir, program, args...)
}

// GitHub makes its archives as git archive does.
func TestReleaseCommit_archiveHasWhatAJobRunsAndNoSources(t *testing.T) {
	r := newReleaseTree(t)
	for _, name := range strings.Fields(outputOf(t, root, "git", "ls-files", "--cached", "--others", "--exclude-standard")) {
		copyFile(t, filepath.Join(root, name), filepath.Join(r.dir, name))
	}
	r.git(t, "add", ".")
	r.git(t, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "all sources")
	commit := strings.TrimSpace(r.mustRun(t, "scripts/release-commit", r.assets, releaseURL))
	archive := filepath.Join(t.TempDir(), "archive.tar")
	r.git(t, "archive", "-o", archive, commit)
	archived := strings.Fields(outputOf(t, r.dir, "tar", "-tf", archive))

	for _, name := range []string{"dist/tailjoin-linux-amd64", "dist/tailscaled-linux-amd64.zst", "dist/tailscaled.spans", "dist/SHA256SUMS", "scripts/run.sh", "LICENSE", "THIRD_PARTY_NOTICES"} {
		if !slices.Contains(archived, name) {
			t.Errorf("the archive has no %s", name)
		}
	}
	for _, name := range archived {
		if filepath.Ext(name) == ".go" || strings.HasPrefix(name, "test/") {
			t.Errorf("the archive has %s, which no job runs", name)
		}
	}
	for _, name := range strings.Fields(r.mustRun(t, "git", "ls-tree", "-r", "--name-only", commit)) {
		runs := filepath.Base(name) == "action.yml" || filepath.Ext(name) == ".js"
		if runs && !strings.HasPrefix(name, "test/") && !slices.Contains(archived, name) {
			t.Errorf("the archive has no %s, which a job may run", name)
		}
	}
}

func outputOf(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v", program, args, err)
	}
	return string(out)
}

func TestReleaseAssets_refusesWhatTheCommitDoesNotName(t *testing.T) {
	for _, of := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		want  string // "" is accepted
	}{
		{"nothing", func(*testing.T, string) {}, ""},
		{"a changed program", func(t *testing.T, dir string) { writeFile(t, filepath.Join(dir, releaseFiles[1]), "another") }, "is not the file"},
		{"a missing file", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, releaseFiles[2])) }, "is missing"},
		{"a file more", func(t *testing.T, dir string) { writeFile(t, filepath.Join(dir, "tailjoin-plan9"), "x") }, "8 files, but the release has 7"},
		{"other sums", func(t *testing.T, dir string) { writeFile(t, filepath.Join(dir, "SHA256SUMS"), "") }, "SHA256SUMS is not the file"},
	} {
		t.Run(of.name, func(t *testing.T) {
			r := newReleaseTree(t)
			of.spoil(t, r.assets)
			out, err := exec.Command(filepath.Join(r.dir, "scripts/release-assets"), r.assets, r.commit).CombinedOutput()
			if (err == nil) != (of.want == "") || !strings.Contains(string(out), of.want) {
				t.Errorf("got %v and %q, want %q", err, out, of.want)
			}
		})
	}
}

func TestReleaseAssets_refusesACommitThatIsNoRelease(t *testing.T) {
	r := newReleaseTree(t)
	out, err := exec.Command(filepath.Join(r.dir, "scripts/release-assets"), r.assets, "HEAD").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "is not a release") {
		t.Errorf("got %v and %q", err, out)
	}
}

// gh keeps the state of a release in $STATE, as far as the workflow uses it. $TAMPER runs once the draft is complete.
const gh = `#!/bin/sh
echo "gh $*" >>"$STATE/calls"
case "$1 $2" in
'run download') mkdir -p "$7" && cp "$STATE"/artifact/* "$7" ;;
'release upload') shift 3; cp "$@" "$STATE/draft" && sh -c "$TAMPER" ;;
'release download') mkdir -p "$5" && cp "$STATE"/draft/* "$5" ;;
'api --paginate') printf '%s\n' $TAGS | sed 's|^|refs/tags/|' ;;
'api repos/acme/web/git/ref/tags/v1.2.3') cat "$STATE/tag" ;;
esac
`

// publishing runs the scripts of the job that publishes, one after the other, until one fails.
func (r *releaseTree) publishing(t *testing.T, tamper, tags string) (calls string, err error) {
	t.Helper()
	state, bin := t.TempDir(), t.TempDir()
	mustMkdir(t, filepath.Join(state, "artifact"))
	mustMkdir(t, filepath.Join(state, "draft"))
	for _, name := range append(slices.Clone(releaseFiles), "SHA256SUMS") {
		copyFile(t, filepath.Join(r.assets, name), filepath.Join(state, "artifact", name))
	}
	writeFile(t, filepath.Join(state, "tag"), r.commit)
	writeFile(t, filepath.Join(bin, "gh"), gh)
	if err := os.Chmod(filepath.Join(bin, "gh"), 0o755); err != nil {
		t.Fatal(err)
	}
	remote := filepath.Join(state, "acme", "web")
	mustMkdir(t, remote)
	r.git(t, "init", "-q", "--bare", remote)
	for _, script := range jobScripts(t, ".github/workflows/release.yml", "publish") {
		cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script)
		cmd.Dir = r.dir
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "STATE="+state, "TAMPER="+tamper, "TAGS="+tags, "VERSION=v1.2.3",
			"COMMIT="+r.commit, "ASSETS="+releaseURL, "GITHUB_RUN_ID=1", "GITHUB_REPOSITORY=acme/web", "GITHUB_SERVER_URL="+state)
		if out, err := cmd.CombinedOutput(); err != nil {
			return readFile(t, filepath.Join(state, "calls")), fmt.Errorf("%w: %s", err, out)
		}
	}
	return readFile(t, filepath.Join(state, "calls")), nil
}

// jobScripts returns the run: scripts of a job, in order.
func jobScripts(t *testing.T, workflow, job string) (scripts []string) {
	t.Helper()
	for _, step := range jobSteps(t, workflow, job) {
		if step.Run != "" {
			scripts = append(scripts, step.Run)
		}
	}
	return scripts
}

type workflowStep struct{ Name, Uses, Run string }

type workflowJob struct {
	If          string
	Needs       any
	Environment string
	Permissions map[string]string
	Steps       []workflowStep
}

func workflowJobs(t *testing.T, workflow string) map[string]workflowJob {
	t.Helper()
	var parsed struct{ Jobs map[string]workflowJob }
	if err := yaml.Unmarshal([]byte(readFile(t, filepath.Join(root, workflow))), &parsed); err != nil {
		t.Fatal(err)
	}
	return parsed.Jobs
}

func jobSteps(t *testing.T, workflow, job string) []workflowStep {
	t.Helper()
	steps := workflowJobs(t, workflow)[job].Steps
	if len(steps) == 0 {
		t.Fatalf("%s has no job %s", workflow, job)
	}
	return steps
}

const (
	publishes = "gh release edit v1.2.3 --draft=false"
	moves     = "gh api --method PATCH repos/acme/web/git/refs/tags/v1 "
)

func TestReleaseWorkflow_publishesWhatWasVerified(t *testing.T) {
	calls, err := newReleaseTree(t).publishing(t, "", "v1.2.2 v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(calls, publishes) || !strings.Contains(calls, moves) {
		t.Errorf("it called\n%s", calls)
	}
}

func TestReleaseWorkflow_doesNotMoveTheMajorTagBack(t *testing.T) {
	calls, err := newReleaseTree(t).publishing(t, "", "v1.2.3 v1.10.0")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(calls, publishes) || strings.Contains(calls, moves) {
		t.Errorf("it called\n%s", calls)
	}
}

// Anyone who can write to the repository can change a draft and move a tag before they are published.
func TestReleaseWorkflow_doesNotPublishAnotherDraftOrTag(t *testing.T) {
	for _, of := range []struct{ name, tamper, want string }{
		{"an asset was exchanged", `echo stolen >"$STATE/draft/tailjoin-windows-amd64.exe"`, "is not the file"},
		{"an asset was added", `echo stolen >"$STATE/draft/tailjoin-linux-riscv64"`, "8 files, but the release has 7"},
		{"the tag was moved", `echo 0123456789012345678901234567890123456789 >"$STATE/tag"`, "exit status 1"},
	} {
		t.Run(of.name, func(t *testing.T) {
			calls, err := newReleaseTree(t).publishing(t, of.tamper, "v1.2.3")
			if err == nil || !strings.Contains(err.Error(), of.want) {
				t.Errorf("got %v, want %s", err, of.want)
			}
			if !strings.Contains(calls, "gh release download") || strings.Contains(calls, publishes) || strings.Contains(calls, moves) {
				t.Errorf("it called\n%s", calls)
			}
		})
	}
}

func TestReleaseWorkflow_refusesOtherFilesThanTheVerifiedCommits(t *testing.T) {
	r := newReleaseTree(t)
	writeFile(t, filepath.Join(r.assets, "tailjoin-windows-amd64.exe"), "stolen between the jobs")
	calls, err := r.publishing(t, "", "v1.2.3")
	if err == nil || !strings.Contains(err.Error(), "is not the file") || strings.Contains(calls, "gh release create") {
		t.Errorf("got %v; it called\n%s", err, calls)
	}
}

func TestReleaseWorkflow_refusesAVersionThatIsNoVersion(t *testing.T) {
	check := jobScripts(t, ".github/workflows/release.yml", "make")[0]
	for version, accepted := range map[string]bool{"v1.2.3": true, "v1.2.3\nv1": false, "v1": false, "v1.2.3-rc1": false, "x\nv1.2.3": false, "": false} {
		cmd := exec.CommandContext(t.Context(), "bash", "-e", "-c", check)
		cmd.Env = append(os.Environ(), "VERSION="+version)
		if err := cmd.Run(); (err == nil) != accepted {
			t.Errorf("version %q: got %v", version, err)
		}
	}
}

// The order is the protection: no job that builds may write, and the job that writes waits for the second build and a reviewer.
func TestReleaseWorkflow_writesOnlyAfterVerifyingAndApproval(t *testing.T) {
	jobs := workflowJobs(t, ".github/workflows/release.yml")
	if got, want := jobs["make"].If, "github.ref == 'refs/heads/main'"; got != want {
		t.Errorf("make runs if %q, want %q", got, want)
	}
	for name, job := range jobs {
		for permission, level := range job.Permissions {
			if level == "write" && name != "publish" {
				t.Errorf("%s has %s: write", name, permission)
			}
		}
	}
	publish := jobs["publish"]
	if needs := fmt.Sprint(publish.Needs); needs != "[make verify emulated]" || publish.Environment != "release" {
		t.Errorf("publish needs %s and has the environment %q", needs, publish.Environment)
	}
}
