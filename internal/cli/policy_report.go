package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/ci"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/github"
	"github.com/tailjoin/tailjoin/internal/policy"
	"github.com/tailjoin/tailjoin/internal/tree"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// A policyRun is one run of a verb that asks a tailnet, and what it found out.
type policyRun struct {
	f   *front
	job ci.Job
	log *slog.Logger
	in  *policyInputs

	access  access.Request
	memory  policy.Memory
	tailnet *policy.Tailnet

	plan     *policy.Plan // nil until it is known
	now      tsapi.Policy // the live policy after an apply
	warnings []diag.Place
	notes    []string
	verdict  string
}

// policyRun checks all that the user said.
func (f *front) policyRun(in *policyInputs) (*policyRun, error) {
	in.file = filepath.ToSlash(filepath.Clean(in.file))
	if err := in.checkAll(); err != nil {
		return nil, err
	}
	if err := f.openEnvFile(&in.inputs); err != nil {
		return nil, err
	}
	r := &policyRun{f: f, job: f.job, log: f.log(""), in: in}
	var err error
	if r.access, err = f.policyAccess(in); err != nil {
		return nil, err
	}
	r.memory, err = f.policyMemory(in)
	return r, err
}

// print shows text as a result: what stands in a policy stays text.
func (r *policyRun) print(text string) {
	for line := range strings.Lines(text) {
		fmt.Fprintln(r.f.streams[0], r.job.Harmless(strings.TrimSuffix(line, "\n")))
	}
}

// warn is for what somebody must see, here and in the report; "" is nothing.
func (r *policyRun) warn(text string) {
	if text != "" {
		r.log.Warn(text)
		r.notes = append(r.notes, text)
	}
}

// tell leaves the report where people and later steps find it. err is how the
// run ended.
func (r *policyRun) tell(ctx context.Context, err error) error {
	if p := diag.As(err); err != nil && p.Input && r.plan == nil && p.Code != "policy-invalid" {
		return nil // there is nothing to tell of
	}
	report := policy.Report{Path: r.in.file, Plan: r.plan, Verdict: r.verdict, Warnings: r.warnings, Notes: r.notes}
	if err != nil {
		report.Problem = diag.As(err)
	}
	if note := r.comment(ctx, report); note != "" {
		r.log.Info(note)
		report.Notes = append(report.Notes, note)
	}
	r.summary(report)
	return r.tellSteps()
}

// summary is not worth failing for. A problem stands there already, by Report.
func (r *policyRun) summary(report policy.Report) {
	if report.Problem != nil && (r.plan == nil || !r.plan.Changed()) {
		return
	}
	report.Problem = nil
	if err := r.job.Summary(report.Markdown(longestSummary)); err != nil {
		r.log.Debug("writing the summary", "error", err)
	}
}

// longestSummary is less than the megabyte that GitHub takes of a step.
const longestSummary = 900 << 10

// tellSteps writes the outputs, once there is a plan.
func (r *policyRun) tellSteps() error {
	if r.plan == nil {
		return nil
	}
	live, file := r.plan.Live, ""
	if r.now.ETag != "" || r.now.Text != nil {
		live = r.now
	}
	text := r.plan.Diff()
	if effect := r.plan.Effect(); effect != "" {
		text += "\n" + effect
	}
	if r.plan.Changed() {
		var err error
		if file, err = r.writeDiff(text); err != nil {
			return err
		}
	}
	return r.outputs(r.plan.Changed(), live, file)
}

// policyOutputs are what later steps may read, in the order of the docs.
var policyOutputs = []struct{ name, description string }{
	{"changed", "true if the file was another policy than the live one; of pull: if the file was written"},
	{"etag", "version of the live policy, afterwards"},
	{"diff-file", "file with the change, and who loses and gains by it; empty if there is no change"},
}

func (r *policyRun) outputs(changed bool, live tsapi.Policy, diffFile string) error {
	if r.job.Platform == "local" { // no later step
		return nil
	}
	for i, value := range []string{strconv.FormatBool(changed), policy.Version(live), diffFile} {
		if err := r.job.Output(policyOutputs[i].name, value); err != nil {
			return err
		}
	}
	return nil
}

func (r *policyRun) writeDiff(text string) (path string, err error) {
	text = r.f.secrets.Clean(text)
	if r.in.diffTo != "" {
		at, err := tree.At(r.in.diffTo)
		if err == nil {
			err = at.Replace([]byte(text))
		}
		return r.in.diffTo, err
	}
	if r.job.Platform == "local" {
		return "", nil
	}
	dir := r.job.TempDir
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		dir = ""
	}
	file, err := os.CreateTemp(dir, "policy-*.diff")
	if err != nil {
		return "", err
	}
	_, err = file.WriteString(text)
	return file.Name(), errors.Join(err, file.Close())
}

// comment has the pull request show the report. That it cannot is no reason to
// fail: the job's summary has it, and why.
func (r *policyRun) comment(ctx context.Context, report policy.Report) (note string) {
	if !r.in.comment || r.job.Pull == 0 || ctx.Err() != nil {
		return ""
	}
	err := r.setComment(ctx, report)
	if err == nil {
		return ""
	}
	note = "This is not in a comment on the pull request: "
	if github.IsStatus(err, 403) || github.IsStatus(err, 404) || github.IsStatus(err, 401) {
		note += "the token may not write one. For a pull request from a fork it never may; else give the job permissions: pull-requests: write. "
	}
	return note + diag.As(err).Error()
}

func (r *policyRun) setComment(ctx context.Context, report policy.Report) error {
	place, err := github.InRepo(r.job.Repository, "")
	if err != nil {
		return err
	}
	client, err := r.f.github(r.in.githubToken)
	if err != nil {
		return err
	}
	marker := fmt.Sprintf("<!-- tailjoin policy %s %s -->", cmp.Or(r.in.tailnet, "-"), strings.NewReplacer("--", "- -", "\n", " ", ">", "").Replace(r.in.file))
	marker = r.f.secrets.Clean(marker)
	body := report.Markdown(github.LongestComment-len(marker)-1000) + fmt.Sprintf("\n[the job that says so](%s)\n", r.job.RunURL)
	nothing := report.Problem == nil && len(report.Notes) == 0 && (report.Plan == nil || !report.Plan.Changed())
	return client.SetComment(ctx, place, r.job.Pull, marker, r.f.secrets.Clean(body), nothing)
}
