//go:build linux

package action

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// with is what the jobs below give to the action.
const with = `{ oauth-client-id: T123-CNTRL, audience: for-tests, tags: "tag:ci" }`

// endings are the ways in which a job ends. In each of them the node is to leave.
var endings = []struct {
	name   string
	then   string            // the step after the join
	env    map[string]string // more of it
	cancel string
	exit   int
	state  string // what leave is to find
}{
	{name: "success", then: "true", state: "joined"},
	{name: "a later step fails", then: "exit 3", exit: 1, state: "joined"},
	{name: "join fails", then: "true", env: map[string]string{"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of somebody else"}, exit: 1, state: "joining"},
	{name: "cancelled in join", then: "true", env: map[string]string{"STANDIN_HANG": "1"}, cancel: "standin: hanging", exit: 1, state: "joining"},
	{name: "cancelled in a later step", then: "echo later; exec sleep 60", cancel: "| later", exit: 1, state: "joined"},
	{name: "the workspace is wiped", then: `find "$GITHUB_WORKSPACE" -mindepth 1 -maxdepth 1 -exec rm -rf {} +`, state: "joined"},
}

func TestAct_leavesHoweverTheJobEnds(t *testing.T) {
	leavesHoweverTheJobEnds(t, release(t, program("standin1")))
}

func TestNodeAct_leavesHoweverTheJobEnds(t *testing.T) {
	leavesHoweverTheJobEnds(t, release(t, program("standin1")).node())
}

func leavesHoweverTheJobEnds(t *testing.T, ours action) {
	for _, end := range endings {
		if ours.path != "" && end.env["STANDIN_HANG"] != "" {
			continue // act kills a step of node, and then waits for the join. See TestNodeReal_leavesWhenCancelledInJoin.
		}
		t.Run(end.name, func(t *testing.T) {
			r := newRecorder(t)
			env := r.env()
			maps.Copy(env, end.env)
			got := job{
				steps:   []string{uses("tailnet", ours, with), runs(end.then)},
				actions: []action{ours},
				env:     env,
				cancel:  end.cancel,
			}.run(t)

			if got.exit != end.exit {
				t.Errorf("act's exit status: got %d, want %d", got.exit, end.exit)
			}
			wantStages(t, r, "join 1 ", "leave 1 "+end.state)
			wantNothingLeft(t, r)
			if t.Failed() {
				t.Log(got.log)
			}
		})
	}
}

func TestAct_leavesInReverseOrder(t *testing.T) {
	first, second := release(t, program("standin1")), release(t, program("standin2"))
	r := newRecorder(t)
	got := job{
		steps: []string{
			uses("first", first, with),
			uses("second", second, with),
			runs(`test "${{ steps.first.outputs.node-id }} ${{ steps.second.outputs.node-id }}" = "n1 n2"`),
		},
		actions: []action{first, second},
		env:     r.env(),
	}.run(t)

	if got.exit != 0 {
		t.Errorf("act's exit status: got %d, want 0\n%s", got.exit, got.log)
	}
	wantStages(t, r, "join 1 ", "join 2 ", "leave 2 joined", "leave 1 joined")
	wantNothingLeft(t, r)
}

func TestAct_leavesWhenAnActionAroundItFails(t *testing.T) {
	ours := release(t, program("standin1"))
	wrap := wrapper(t, ours, with)
	r := newRecorder(t)
	got := job{
		steps:   []string{uses("wrap", wrap, "{}")},
		actions: []action{ours, wrap},
		env:     r.env(),
	}.run(t)

	if got.exit != 1 {
		t.Errorf("act's exit status: got %d, want 1\n%s", got.exit, got.log)
	}
	wantStages(t, r, "join 1 ", "leave 1 joined")
	wantNothingLeft(t, r)
}

func TestAct_leaveGetsWhatJoinGot(t *testing.T) {
	leaveGetsWhatJoinGot(t, release(t, program("standin1")))
}

func TestNodeAct_leaveGetsWhatJoinGot(t *testing.T) {
	leaveGetsWhatJoinGot(t, release(t, program("standin1")).node())
}

func leaveGetsWhatJoinGot(t *testing.T, ours action) {
	r := newRecorder(t)
	got := job{steps: []string{uses("tailnet", ours, with)}, actions: []action{ours}, env: r.env()}.run(t)

	if len(r.all()) != 2 {
		t.Fatalf("want a join and a leave, got %v\n%s", r.all(), got.log)
	}
	join, leave := r.all()[0], r.all()[1]
	want := join
	want.Name, want.State = "leave", "joined"
	if diff := cmp.Diff(want, leave); diff != "" {
		t.Errorf("leave (-want +got):\n%s", diff)
	}
	if want := map[string]string{"client": "T123-CNTRL", "audience": "for-tests"}; !cmp.Equal(want, join.Inputs) {
		t.Errorf("inputs of join: %s", cmp.Diff(want, join.Inputs))
	}
	if filepath.Base(join.Bundle) != "dist" {
		t.Errorf("bundle: got %s, want the dist directory", join.Bundle)
	}
}

// wantStages compares what ran, as "stage version state".
func wantStages(t *testing.T, r *recorder, want ...string) {
	t.Helper()
	var got []string
	for _, s := range r.all() {
		got = append(got, s.Name+" "+s.Version+" "+s.State)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
}

func wantNothingLeft(t *testing.T, r *recorder) {
	t.Helper()
	for _, s := range r.all() {
		if _, err := os.Stat(s.Session); !os.IsNotExist(err) {
			t.Errorf("session directory %s is left", s.Session)
		}
	}
	wantNoProcess(t)
}
