//go:build linux

package action

import (
	"path/filepath"
	"strings"
	"testing"
)

// The reusable workflows of this tree, called as another repository calls them, on a tailnet of their own.

// major is the action as a tag of its major version has it.
func (a action) major() action {
	a.sha = "v1"
	return a
}

// reusable is one of them as the runner has it: $/dir is this repository at the workflow's own commit.
func (a action) reusable(t *testing.T, name string) string {
	t.Helper()
	text := readFile(t, filepath.Join(root, ".github/workflows", name))
	return strings.ReplaceAll(text, "uses: $/.github/actions/join\n", "uses: "+a.name+"/.github/actions/join@"+a.sha+"\n")
}

func TestTailnetRun_runsTheCallersCommand(t *testing.T) {
	ours := releaseOf(t, program("dist"))
	for name, c := range map[string]struct {
		command string
		exit    int
	}{
		"success": {`
        test -z "${COMMAND+x}"
        test "$(git log -1 --format=%s)" = acme/web
        echo 'a "quoted" $(word) and ${{ github.ref_name }}'
        echo "result=$(tailscale ip -4)" >>"$GITHUB_OUTPUT"`, 0},
		"failure": {`
        false | true
        echo "this is not to be reached"`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			got := job{
				files: map[string]string{
					"tailnet-run.yml": ours.reusable(t, "tailnet-run.yml"),
					"test.yml": `
on: push
jobs:
  call:
    permissions: { id-token: write, contents: read }
    uses: ./.github/workflows/tailnet-run.yml
    with:
      oauth-client-id: ` + client + `
      tags: tag:ci
      hostname: from-a-reusable-workflow
      login-server: "` + w.ControlURL + `"
      run: |` + c.command + `
  after:
    needs: call
    runs-on: ubuntu-latest
    steps:
      - run: echo "got ${{ needs.call.outputs.result }}"
`},
				actions: []action{ours},
				env:     w.env(),
			}.run(t)

			if got.exit != c.exit || strings.Contains(got.log, "not to be reached\n") {
				t.Errorf("act's exit status: got %d, want %d", got.exit, c.exit)
			}
			if c.exit == 0 && (!strings.Contains(got.log, "got 100.") || !strings.Contains(got.log, `a "quoted" $(word) and main`)) {
				t.Error("the command's result did not come back")
			}
			if !strings.Contains(got.log, "joined as from-a-reusable-workflow.") {
				t.Error("the node has another name")
			}
			w.wantNothingLeft(got)
			if t.Failed() {
				t.Log(got.log)
			}
		})
	}
}
