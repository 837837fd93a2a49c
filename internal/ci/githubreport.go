package ci

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sethvargo/go-githubactions"
	"github.com/tailjoin/tailjoin/internal/diag"
)

// mostPlaces are annotated: a step has ten errors on the page of its run, and
// one is for the whole problem.
// Source: actions/toolkit, docs/problem-matchers.md.
const mostPlaces = 9

// report annotates the places of a problem, then the step with all of it, and
// repeats it on the job's page, where it is found without opening the log.
func (g githubJob) report(p *diag.Problem) {
	for _, at := range p.Places[:min(len(p.Places), mostPlaces)] {
		g.at(at, p.Summary).Errorf("%s", at.Text)
	}
	g.action.WithFieldsMap(map[string]string{"title": p.Summary}).Errorf("%s", strings.TrimSpace(p.Text()))
	g.summary(problemMarkdown(p))
}

func (g githubJob) warn(at diag.Place) { g.at(at, "tailjoin").Warningf("%s", at.Text) }

// at has what is said next stand beside a place of a file.
func (g githubJob) at(at diag.Place, title string) *githubactions.Action {
	fields := map[string]string{"title": title, "file": g.fromRoot(at.File)}
	if at.Line > 0 {
		fields["line"] = strconv.Itoa(at.Line)
	}
	if at.Line > 0 && at.Column > 0 {
		fields["col"] = strconv.Itoa(at.Column)
	}
	return g.action.WithFieldsMap(fields)
}

// fromRoot is a path as GitHub knows it, from the repository's root on,
// wherever the step runs.
func (g githubJob) fromRoot(path string) string {
	whole, err := filepath.Abs(path)
	if err == nil && g.env("GITHUB_WORKSPACE") != "" {
		if below, err := filepath.Rel(g.env("GITHUB_WORKSPACE"), whole); err == nil && filepath.IsLocal(below) {
			path = below
		}
	}
	return filepath.ToSlash(filepath.Clean(path))
}

// pullRequest is the number of the pull request that a workflow runs for. The
// ref has it, but for pull_request_target, which builds the base: there the
// event has.
func pullRequest(env Env) int {
	if rest, ok := strings.CutPrefix(env("GITHUB_REF"), "refs/pull/"); ok {
		number, _, _ := strings.Cut(rest, "/")
		n, _ := strconv.Atoi(number)
		return max(n, 0)
	}
	if !strings.HasPrefix(env("GITHUB_EVENT_NAME"), "pull_request") {
		return 0
	}
	var event struct {
		PullRequest struct {
			Number int `json:"number"`
		} `json:"pull_request"`
	}
	raw, err := os.ReadFile(env("GITHUB_EVENT_PATH"))
	if err != nil || json.Unmarshal(raw, &event) != nil {
		return 0
	}
	return max(event.PullRequest.Number, 0)
}
