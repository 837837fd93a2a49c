//go:build linux

package fronts

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The component is run by gitlab-ci-local, which checks a pipeline by GitLab's own schema, includes, extends and fills in, and then
// runs a job by the shell: before_script and script in one, after_script in another.

var onGitLab = identity{
	subject: "project_path:acme/web:ref_type:branch:ref:main",
	claims: map[string]any{
		"sub": "project_path:acme/web:ref_type:branch:ref:main", "project_path": "acme/web", "namespace_path": "acme",
		"ref": "main", "ref_type": "branch", "ref_protected": "true", "pipeline_source": "push",
	},
}

func TestGitLab_example(t *testing.T) {
	w := newWorld(t, onGitLab)
	w.gitlab(w.gitlabExample()).want(t, 0, greeting, "left the tailnet")
	w.wantJoins(1)
	w.wantNothingLeft()
}

func TestGitLab_withoutAnInterface(t *testing.T) {
	w := newWorld(t, onGitLab)
	pipeline := replaceOnce(t, w.gitlabExample(), "tags: tag:ci", "tags: tag:ci\n      network: userspace")
	w.gitlab(pipeline).want(t, 0, greeting, "left the tailnet")
	w.wantNothingLeft()
}

func TestGitLab_keepsTheCommandsStatus(t *testing.T) {
	w := newWorld(t, onGitLab)
	w.gitlab(w.gitlabExample()+"    - exit 3\n").want(t, 1, greeting, "FAIL 3", "left the tailnet")
	w.wantNothingLeft()
}

func TestGitLab_aRefusedJobRunsNoCommand(t *testing.T) {
	w := newWorld(t, onGitLab)
	w.token = w.mint(identity{claims: map[string]any{"sub": "project_path:acme/web:ref_type:branch:ref:feature"}})
	got := w.gitlab(w.gitlabExample())
	got.want(t, 1, "refused this job's identity", "FAIL 1", "nothing to leave")
	if strings.Contains(got.log, greeting) {
		t.Error("its command ran")
	}
	w.wantNothingLeft()
}

// A job with parts of its own takes ours by reference, of a component with a prefix.
func TestGitLab_byReference(t *testing.T) {
	w := newWorld(t, onGitLab)
	include, _, _ := strings.Cut(w.gitlabExample(), "deploy:\n")
	w.gitlab(replaceOnce(t, include, "tags: tag:ci", "tags: tag:ci\n      job-prefix: ci-")+`
deploy:
  variables: !reference [.ci-tailjoin, variables]
  id_tokens: !reference [.ci-tailjoin, id_tokens]
  before_script: [echo mine, !reference [.ci-tailjoin, before_script]]
  after_script: [!reference [.ci-tailjoin, after_script], echo finally]
  script: curl --fail http://my-server/
`).want(t, 0, "mine", greeting, "left the tailnet", "finally")
	w.wantNothingLeft()
}

// An auth key is a variable of the project; the component's ID token is of no use then.
func TestGitLab_byAnAuthKey(t *testing.T) {
	w := newWorld(t, onGitLab)
	w.env["TAILJOIN_AUTHKEY"] = w.authKey()
	w.gitlab(replaceOnce(t, w.gitlabExample(), "oauth-client-id: "+client, `oauth-client-id: ""`)).want(t, 0, greeting, "left the tailnet")
}

// The scripts as they run in an image that has nothing but busybox.
func TestGitLab_inAnyImage(t *testing.T) {
	w := newWorld(t, onGitLab)
	var parts struct {
		Job struct {
			Before []string `yaml:"before_script"`
			After  []string `yaml:"after_script"`
		} `yaml:".$[[ inputs.job-prefix ]]tailjoin"`
	}
	_, jobs, _ := strings.Cut(readFile(t, filepath.Join(have(t, "release"), "templates/tailjoin.yml")), "\n---\n")
	parseYAML(t, jobs, &parts)

	w.env["PATH"] = busybox(t)
	environ := w.environ(map[string]string{
		"GITLAB_CI": "true", "CI_JOB_ID": "7", "CI_PROJECT_PATH": "acme/web", "TS_ID_TOKEN": w.token, "TAILJOIN_AUDIENCE": audience,
		"TAILJOIN_OAUTH_CLIENT_ID": client, "TAILJOIN_TAGS": "tag:ci", "TAILJOIN_LOGIN_SERVER": w.ControlURL, "TAILJOIN_WAIT_FOR": server + ":80",
	})
	for _, lines := range [][]string{append(parts.Job.Before, "wget -q -O - http://my-server/; exit 3"), parts.Job.After} {
		cmd := exec.Command(filepath.Join(w.env["PATH"], "sh"))
		cmd.Env, cmd.Stdin = environ, strings.NewReader("set -e\n"+strings.Join(lines, "\n"))
		got := finish(t, cmd, cancelling{})
		if lines[len(lines)-1] == parts.Job.After[len(parts.Job.After)-1] {
			got.want(t, 0, "left the tailnet")
		} else {
			got.want(t, 3, greeting)
		}
	}
	w.wantNothingLeft()
}

// gitlabExample is the example with this tailnet's credential. The component is at the commit of its own repository.
func (w *world) gitlabExample() string {
	w.t.Helper()
	text := readFile(w.t, filepath.Join(root, "examples/gitlab-ci.yml"))
	text = replaceOnce(w.t, text, "tailjoin@v1.0.0", "tailjoin@$CI_COMMIT_SHA")
	return replaceOnce(w.t, text, "T123-CNTRL", client)
}

// gitlab runs the one job of a pipeline.
func (w *world) gitlab(pipeline string) result {
	w.t.Helper()
	if _, err := exec.LookPath("rsync"); err != nil {
		w.t.Skip("gitlab-ci-local needs rsync (apt-get install rsync)")
	}
	dir := filepath.Join(shortDir(w.t), "project")
	writeFile(w.t, filepath.Join(dir, ".gitlab-ci.yml"), pipeline)
	writeFile(w.t, filepath.Join(dir, "templates/tailjoin.yml"), readFile(w.t, filepath.Join(have(w.t, "release"), "templates/tailjoin.yml")))
	if err := script(dir, `
git init -q -b main
git remote add origin git@gitlab.com:tailjoin/tailjoin.git
git add -A
git -c user.name=t -c user.email=t@localhost commit -q -m 'As it is'
`); err != nil {
		w.t.Fatal(err)
	}
	bin := have(w.t, "npm", "node_modules/.bin")
	args := []string{filepath.Join(bin, "gitlab-ci-local"), "--force-shell-executor", "--ignore-predefined-vars=GITLAB_CI", "--variable", "TS_ID_TOKEN=" + w.token}
	for _, variable := range w.environ(map[string]string{"GITLAB_CI": "true", "TAILJOIN_LOGIN_SERVER": w.ControlURL}) {
		args = append(args, "--variable", variable)
	}
	cmd := exec.Command(filepath.Join(bin, "node"), args...)
	cmd.Dir, cmd.Env = dir, w.environ(nil)
	return w.withoutSecrets(finish(w.t, cmd, cancelling{}), nil)
}
