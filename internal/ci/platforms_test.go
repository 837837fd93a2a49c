package ci_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/ci"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/spec"
)

// A page is what a job of some platform has printed.
type page struct{ results, words, masks bytes.Buffer }

func (p *page) job(vars map[string]string) ci.Job {
	return ci.Detect(func(name string) string { return vars[name] }, ci.Streams{Results: &p.results, Words: &p.words, Masks: &p.masks})
}

// platforms are jobs as each platform describes them to its commands.
var platforms = map[string]struct {
	vars                                                   map[string]string
	marker, repository, ref, runURL, name, tempDir, envDir string
	claimed, run, step                                     string
}{
	"gitlab": {
		vars: map[string]string{
			"GITLAB_CI": "true", "CI_PROJECT_PATH": "acme/group/web", "CI_COMMIT_REF_NAME": "main", "CI_PIPELINE_ID": "71", "CI_JOB_ID": "902",
			"CI_JOB_NAME": "test: [linux, 1/3]", "CI_JOB_URL": "https://gitlab.com/acme/group/web/-/jobs/902",
			"CI_PROJECT_DIR": "/builds/acme/group/web", "TMPDIR": "/builds/acme/group/web/tmp",
		},
		marker: "GITLAB_CI", repository: "acme/group/web", ref: "refs/heads/main", runURL: "https://gitlab.com/acme/group/web/-/jobs/902",
		name: "gitlab-web-71-902-test-linux-1-3", tempDir: "/tmp/tailjoin-902",
		claimed: "acme/group/web", run: "71", step: "test: [linux, 1/3]",
	},
	"buildkite": {
		vars: map[string]string{
			"BUILDKITE": "true", "BUILDKITE_REPO": "https://user:password@github.com/acme/web.git", "BUILDKITE_BRANCH": "main", "BUILDKITE_TAG": "v1.2",
			"BUILDKITE_ORGANIZATION_SLUG": "acme-inc", "BUILDKITE_PIPELINE_SLUG": "web", "BUILDKITE_BUILD_NUMBER": "12", "BUILDKITE_RETRY_COUNT": "0", "BUILDKITE_STEP_KEY": "unit_tests",
			"BUILDKITE_PARALLEL_JOB": "2", "BUILDKITE_JOB_ID": "018f3d2a-bd0c-4a3e-9f5e-0123456789ab",
			"BUILDKITE_BUILD_URL": "https://buildkite.com/acme/web/builds/12",
		},
		marker: "BUILDKITE", repository: "acme/web", ref: "refs/tags/v1.2",
		runURL: "https://buildkite.com/acme/web/builds/12#018f3d2a-bd0c-4a3e-9f5e-0123456789ab",
		name:   "buildkite-web-12-0-unit-tests-2", tempDir: "/tmp/tailjoin-018f3d2a-bd0c-4a3e-9f5e-0123456789ab",
		claimed: "acme-inc/web", run: "12", step: "unit_tests",
	},
	"circleci": {
		vars: map[string]string{
			"CIRCLECI": "true", "CIRCLE_PROJECT_USERNAME": "acme", "CIRCLE_PROJECT_REPONAME": "web", "CIRCLE_BRANCH": "main", "CIRCLE_BUILD_NUM": "33",
			"CIRCLE_JOB": "deploy", "CIRCLE_NODE_INDEX": "1", "CIRCLE_WORKFLOW_JOB_ID": "5f6f-aa", "CIRCLE_BUILD_URL": "https://circleci.com/gh/acme/web/33",
			"BASH_ENV": "/tmp/.bash_env-33",
		},
		marker: "CIRCLECI", repository: "acme/web", ref: "refs/heads/main", runURL: "https://circleci.com/gh/acme/web/33",
		name: "circleci-web-33-deploy-1", tempDir: "/tmp/tailjoin-5f6f-aa-1", envDir: "/tmp/.bash_env-33",
		claimed: "", run: "33", step: "deploy",
	},
	"azure": {
		vars: map[string]string{
			"TF_BUILD": "True", "BUILD_REPOSITORY_NAME": "acme/web", "BUILD_SOURCEBRANCH": "refs/pull/5/merge", "BUILD_BUILDID": "44",
			"SYSTEM_COLLECTIONURI": "https://dev.azure.com/acme/", "SYSTEM_TEAMPROJECT": "My Web", "SYSTEM_JOBATTEMPT": "1",
			"SYSTEM_PHASENAME": "Deploy", "SYSTEM_JOBNAME": "__default", "AGENT_TEMPDIRECTORY": "/agent/_work/_temp",
		},
		marker: "TF_BUILD", repository: "acme/web", ref: "refs/pull/5/merge",
		runURL: "https://dev.azure.com/acme/My%20Web/_build/results?buildId=44", name: "azure-web-44-1-deploy", tempDir: "/agent/_work/_temp",
		claimed: "", run: "44", step: "Deploy",
	},
	"bitbucket": {
		vars: map[string]string{
			"BITBUCKET_BUILD_NUMBER": "55", "BITBUCKET_REPO_FULL_NAME": "acme/web", "BITBUCKET_BRANCH": "main",
			"BITBUCKET_STEP_UUID": "{0a1b2c3d-1111-2222-3333-444455556666}", "BITBUCKET_STEP_RUN_NUMBER": "1",
		},
		marker: "BITBUCKET_BUILD_NUMBER", repository: "acme/web", ref: "refs/heads/main", runURL: "https://bitbucket.org/acme/web/pipelines/results/55",
		name: "bitbucket-web-55-1-0a1b2c3d-1111-2222-3333", tempDir: "/tmp/tailjoin-0a1b2c3d-1111-2222-3333-444455556666-1",
		claimed: "", run: "55", step: "0a1b2c3d-1111-2222-3333-",
	},
}

func TestDetect_readsTheFactsOfAJob(t *testing.T) {
	for platform, p := range platforms {
		t.Run(platform, func(t *testing.T) {
			job := new(page).job(p.vars)
			got := []string{job.Platform, job.Marker, job.Repository, job.Ref, job.RunURL, spec.Label(job.Name), job.EnvFile, job.Claimed, job.Run, job.Step}
			want := []string{platform, p.marker, p.repository, p.ref, p.runURL, p.name, p.envDir, p.claimed, p.run, p.step}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("facts (-want +got):\n%s", d)
			}
			if runtime.GOOS != "windows" && job.TempDir != p.tempDir {
				t.Errorf("directory %s, want %s", job.TempDir, p.tempDir)
			}
			if err := spec.Hostname(spec.Label(job.Name)); err != nil {
				t.Error(err)
			}
			if job.Debug || job.CacheDir == "" {
				t.Errorf("debug %t, cache %q", job.Debug, job.CacheDir)
			}
		})
	}
}

// A machine may carry variables of a platform that does not run this job.
func TestDetect_takesTheInnermostPlatform(t *testing.T) {
	for _, c := range []struct {
		name string
		vars map[string]string
		want string
	}{
		{"GitHub's runner on a machine of another CI", map[string]string{"GITHUB_ACTIONS": "true", "GITLAB_CI": "true", "TF_BUILD": "True"}, "github"},
		{"a platform that is said not to be", map[string]string{"GITHUB_ACTIONS": "false", "GITLAB_CI": "true"}, "gitlab"},
		{"a variable of Bitbucket's in another CI", map[string]string{"BITBUCKET_BUILD_NUMBER": "1", "BUILDKITE": "true"}, "buildkite"},
		{"CI alone", map[string]string{"CI": "true"}, "local"},
	} {
		if got := new(page).job(c.vars).Platform; got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestName_keepsTheRunOfALongRepository(t *testing.T) {
	for platform, p := range platforms {
		vars := map[string]string{}
		for name, value := range p.vars {
			vars[name] = strings.ReplaceAll(value, "web", strings.Repeat("long-repository_name", 5))
		}
		name := spec.Label(new(page).job(vars).Name)
		run := regexp.MustCompile(`-(71-902|12-0|33|44-1|55-1)-`)
		if !run.MatchString(name) || spec.Hostname(name) != nil {
			t.Errorf("%s: name %q", platform, name)
		}
	}
}

// Whatever a value holds, a path that is made of it stays where it belongs.
func TestTempDir_cannotBeLedElsewhere(t *testing.T) {
	for _, id := range []string{"../../etc", "/etc", "a/b", "", "..", "\n"} {
		for platform, name := range map[string]string{
			"GITLAB_CI": "CI_JOB_ID", "BUILDKITE": "BUILDKITE_JOB_ID", "CIRCLECI": "CIRCLE_WORKFLOW_JOB_ID", "BITBUCKET_BUILD_NUMBER": "BITBUCKET_STEP_UUID",
		} {
			dir := new(page).job(map[string]string{platform: "true", name: id}).TempDir
			if base := filepath.Base(dir); !strings.HasPrefix(base, "tailjoin-") || len(base) == len("tailjoin-") || strings.Contains(dir, "..") {
				t.Errorf("%s=%q: directory %s", name, id, dir)
			}
		}
	}
}

// forged are texts that a platform would take for a command, with what is
// printed in their place.
var forged = map[string][]struct{ text, want string }{
	"gitlab": {
		{"a\x1b[0Ksection_end:1:tailjoin_x\r\x1b[0Kb", "a[0Ksection_end:1:tailjoin_x [0Kb"},
		{"two\nlines", "two lines"},
	},
	"buildkite": {
		{"--- forged", " --- forged"}, {"+++ forged", " +++ forged"}, {"~~~ forged", " ~~~ forged"}, {"^^^ +++", " ^^^ +++"},
		{"\x1b[31m--- forged", "[31m--- forged"}, {"\x1b]1339;url=https://evil.example\a", "]1339;url=https://evil.example"}, {"a --- b", "a --- b"},
	},
	"circleci":  {{"\x1b[2Jforged\u009b31m\r", "[2Jforged31m "}},
	"bitbucket": {{"\x1b[2Jforged\x00", "[2Jforged"}},
	"azure": {
		{"##vso[task.setvariable variable=PATH]evil", "# #vso[task.setvariable variable=PATH]evil"},
		{"a ###vso[task.complete]", "a # # #vso[task.complete]"}, {"##[error]forged", "# #[error]forged"},
		{"a\n##vso[task.complete]", "a # #vso[task.complete]"},
	},
	"github": {
		{"::error::forged", ": :error::forged"}, {"a ##[add-mask]e", "a # #[add-mask]e"}, {"a\n::error::b", "a ::error::b"},
		{" \t\u00a0\u2003\u0085::error::forged", " \t\u00a0\u2003: :error::forged"}, {"\n::error::forged", " : :error::forged"},
		{"\ufeff\u200b::error::forged", "\ufeff\u200b: :error::forged"},
		{"joined as web (100.64.0.7, fd7a:115c:a1e0::7)", "joined as web (100.64.0.7, fd7a:115c:a1e0::7)"},
	},
}

func TestLog_aLineIsNeverTakenForACommand(t *testing.T) {
	for platform, lines := range forged {
		vars := map[string]string{"GITHUB_ACTIONS": "true"}
		if p, ok := platforms[platform]; ok {
			vars = p.vars
		}
		for _, c := range lines {
			p := new(page)
			job := p.job(vars)
			slog.New(job.Log).Info(c.text)
			if got := p.words.String(); got != c.want+"\n" {
				t.Errorf("%s: %q is logged as %q, want %q", platform, c.text, got, c.want)
			}
			if got := job.Harmless(c.text); got != c.want {
				t.Errorf("%s: %q is made %q, want %q", platform, c.text, got, c.want)
			}
		}
	}
}

func TestReport_aLineIsNeverTakenForACommand(t *testing.T) {
	for platform, lines := range forged {
		for _, c := range lines {
			p := new(page)
			job := p.job(platforms[platform].vars)
			job.Report(&diag.Problem{Code: "x", Summary: c.text, Err: errors.New("cause\n" + c.text), Hint: c.text})
			for each := range strings.Lines(p.words.String()) {
				each = strings.TrimSuffix(each, "\n")
				ours := each == "^^^ +++" || strings.HasPrefix(each, "##vso[task.logissue type=error]")
				if !ours && platform != "github" && job.Harmless(each) != each {
					t.Errorf("%s: %q is reported as %q", platform, c.text, each)
				}
			}
		}
	}
}

func TestGroup_isAPartOfTheLog(t *testing.T) {
	for platform, want := range map[string]string{
		"gitlab":    "^\x1b\\[0Ksection_start:\\d+:(tailjoin_\\d+)\\[collapsed=true\\]\r\x1b\\[0KJoining\n\x1b\\[0Ksection_end:\\d+:tailjoin_\\d+\r\x1b\\[0K\n$",
		"buildkite": `^--- Joining\n\+\+\+ tailjoin\n$`,
		"azure":     `^##\[group\]Joining\n##\[endgroup\]\n$`,
		"circleci":  `^Joining\n$`,
		"bitbucket": `^Joining\n$`,
	} {
		p := new(page)
		p.job(platforms[platform].vars).Group("Joining")()
		if !regexp.MustCompile(want).MatchString(p.words.String()) {
			t.Errorf("%s: %q", platform, p.words.String())
		}
	}
}

func TestDebug_isWhatThePlatformsUserAskedFor(t *testing.T) {
	for platform, variable := range map[string]string{"gitlab": "CI_DEBUG_TRACE", "azure": "SYSTEM_DEBUG", "buildkite": "BUILDKITE_AGENT_DEBUG", "circleci": "TAILJOIN_DEBUG"} {
		for value, want := range map[string]bool{"true": true, "True": true, "false": false, "False": false, "": false} {
			vars := map[string]string{variable: value, platforms[platform].marker: "true"}
			if got := new(page).job(vars).Debug; got != want {
				t.Errorf("%s with %s=%s: debug %t", platform, variable, value, got)
			}
		}
	}
}

func TestAzure_writesCommandsAsTheAgentReadsThem(t *testing.T) {
	p := new(page)
	vars := map[string]string{"TF_BUILD": "True", "AGENT_TEMPDIRECTORY": t.TempDir(), "SYSTEM_DEBUG": "true"}
	job := p.job(vars)
	job.Mask(secret.New("first%\nsecond"))
	if d := cmp.Diff("##vso[task.setsecret]first%AZP25\n##vso[task.setsecret]second\n", p.masks.String()); d != "" {
		t.Error(d)
	}
	for _, err := range []error{job.Output("node-id", "n1;]%"), job.Variable("HTTP_PROXY", "http://127.0.0.1:1"), job.Path("/opt/bin")} {
		if err != nil {
			t.Error(err)
		}
	}
	want := "##vso[task.setvariable variable=TAILJOIN_NODE_ID;isOutput=true]n1;]%AZP25\n##vso[task.setvariable variable=TAILJOIN_NODE_ID]n1;]%AZP25\n" +
		"##vso[task.setvariable variable=HTTP_PROXY]http://127.0.0.1:1\n##vso[task.prependpath]/opt/bin\n"
	if d := cmp.Diff(want, p.results.String()); d != "" {
		t.Error(d)
	}
	log := slog.New(job.Log)
	log.Debug("seen\n##vso[x]")
	log.Warn("half\nleft ##vso[task.complete]")
	want = "##[debug]seen # #vso[x]\n##vso[task.logissue type=warning]tailjoin: half%0Aleft ##vso[task.complete]\n"
	if d := cmp.Diff(want, p.words.String()); d != "" {
		t.Error(d)
	}
}

func TestAzure_reportsAProblemInOneIssueAndOnAPage(t *testing.T) {
	p := new(page)
	dir := t.TempDir()
	p.job(map[string]string{"TF_BUILD": "True", "AGENT_TEMPDIRECTORY": dir}).Report(&diag.Problem{Code: "no-id-token", Summary: "no token", Hint: "a\n##vso[task.complete]"})
	text := p.words.String()
	if !strings.HasPrefix(text, "##vso[task.logissue type=error]no token\nhint:  a\n       # #vso[task.complete]\n") || strings.Count(text, "##vso[") != 2 {
		t.Errorf("words %q", text)
	}
	_, path, _ := strings.Cut(strings.TrimSpace(text), "##vso[task.uploadsummary]")
	markdown, err := os.ReadFile(path)
	if err != nil || filepath.Dir(path) != dir || !strings.HasPrefix(string(markdown), "### tailjoin: no token\n") {
		t.Errorf("page %s: %q, %v", path, markdown, err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("page has mode %v, %v", info.Mode(), err)
	}
}

func TestOutput_refusesWhatWouldBeMoreThanALine(t *testing.T) {
	for platform, p := range platforms {
		words := new(page)
		job := words.job(p.vars)
		if platform != "azure" {
			job = mustEnvFile(t, job, filepath.Join(t.TempDir(), "env"))
		}
		for _, value := range []string{"x\nexport LD_PRELOAD=evil", "x\ry", "x\x00y"} {
			for _, err := range []error{job.Output("ipv4", value), job.Variable("HTTP_PROXY", value), job.Path(value)} {
				if err == nil {
					t.Errorf("%s: %q was written", platform, value)
				}
			}
		}
		if words.results.Len() > 0 {
			t.Errorf("%s: written: %q", platform, &words.results)
		}
	}
}

// Where nothing tells later commands anything, people can read it.
func TestOutput_withoutAnEnvFile_isPrinted(t *testing.T) {
	for _, platform := range []string{"gitlab", "buildkite", "circleci", "bitbucket"} {
		p := new(page)
		job := p.job(platforms[platform].vars)
		if err := errors.Join(job.Output("ipv4", "100.64.0.1"), job.Path("/opt/bin")); err != nil {
			t.Error(err)
		}
		if got := p.results.String(); got != "ipv4=100.64.0.1\n" {
			t.Errorf("%s: %q", platform, got)
		}
	}
}
