package policy

import (
	"fmt"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/markdown"
	"github.com/tailjoin/tailjoin/internal/policyfile"
)

// A Report is what a run found out, for a page: a job's summary, or a comment
// on a pull request.
type Report struct {
	Path     string        // of the policy file
	Plan     *Plan         // nil if it did not come that far
	Verdict  string        // in a line: what came of it
	Warnings []diag.Place  // of the API
	Notes    []string      // what else somebody should know
	Problem  *diag.Problem // nil if there is none
}

// Diff is the change by section, as text; "" if there is none.
func (p *Plan) Diff() string {
	switch {
	case !p.Changed():
		return ""
	case p.Was == nil:
		return "the live policy cannot be read, so all of the file is new\n"
	case len(p.Changes) == 0:
		return "the order of sections or names changes, and nothing else\n"
	}
	return policyfile.DiffText(p.Changes)
}

// Effect is who loses and who gains by the change, a line each; "" if nobody
// does.
func (p *Plan) Effect() string {
	if !p.Changed() {
		return ""
	}
	text := ""
	if p.opens != "" {
		text = "OPENS  everything to everyone: " + p.opens + "\n"
	}
	if p.Was == nil {
		return text
	}
	return text + p.Effects.Text()
}

// Opened is what to say if the change allows everything, and the live policy
// does not; "" otherwise.
func (p *Plan) Opened() string {
	if p.opens == "" || !p.Changed() {
		return ""
	}
	return "THIS CHANGE OPENS THE WHOLE TAILNET, everyone may then reach everything: " + p.opens
}

// NotComputed is what to say if it is not known who gains and who loses by the
// change; "" otherwise.
func (p *Plan) NotComputed() string {
	switch {
	case !p.Changed():
		return ""
	case p.Was == nil:
		return "who gains and who loses was not computed: the live policy cannot be read. Applying the file may give or take any access"
	case p.Effects.GaveUp != "":
		return "who gains and who loses was not computed: " + p.Effects.GaveUp + ". The change may give or take any access: read it as a whole"
	}
	return ""
}

// coloured marks lines as the removed and added ones of a diff.
func coloured(effect string) string {
	var b strings.Builder
	for line := range strings.Lines(effect) {
		mark := "  "
		if strings.HasPrefix(line, "loses") {
			mark = "- "
		} else if strings.HasPrefix(line, "gains") {
			mark = "+ "
		} else if strings.HasPrefix(line, "OPENS") {
			mark = "! "
		}
		b.WriteString(mark + line)
	}
	return b.String()
}

// Markdown is the report in so many bytes at most: a text that would be longer
// is cut between two lines.
func (r *Report) Markdown(most int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### Tailnet policy: %s\n\n", markdown.Code(r.Path))
	if r.Verdict != "" {
		fmt.Fprintf(&b, "%s\n\n", markdown.Text(r.Verdict))
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "> %s\n\n", markdown.Text(n))
	}
	if r.Problem != nil {
		b.WriteString(fence("text", r.Problem.Text(), most/4))
	}
	if len(r.Warnings) > 0 {
		var lines strings.Builder
		for _, at := range r.Warnings {
			fmt.Fprintln(&lines, at)
		}
		b.WriteString("Warnings of Tailscale:\n" + fence("text", lines.String(), most/8))
	}
	if r.Plan != nil && r.Plan.Changed() {
		b.WriteString(r.Plan.markdown(most - b.Len()))
	}
	return b.String()
}

func (p *Plan) markdown(most int) string {
	effect := "Nobody gains or loses anything by it, as far as the file tells.\n\n"
	if text := p.Effect(); text != "" {
		effect = "Who loses and who gains by it:\n" + fence("diff", coloured(text), most/2)
	}
	if p.Was == nil && p.Effect() == "" {
		effect = ""
	}
	const what = "What changes, from the live policy to the file:\n"
	return effect + what + fence("diff", p.Diff(), most-len(effect)-len(what))
}

// around is more than a fence and the note of a cut take.
const around = 200

// fence shows text as it is, in so many bytes at most.
func fence(language, text string, most int) string {
	text, cut := cutLines(strings.TrimRight(text, "\n")+"\n", most-around)
	note := ""
	if cut > 0 {
		note = fmt.Sprintf("… and %d lines more, which are in the job's log.\n\n", cut)
	}
	return "\n" + markdown.Fence(language, text) + "\n" + note
}

// cutLines keeps whole lines, and says how many it left out.
func cutLines(text string, most int) (kept string, cut int) {
	end := 0
	for line := range strings.Lines(text) {
		if cut > 0 || end+len(line) > most {
			cut++
			continue
		}
		end += len(line)
	}
	return text[:end], cut
}
