package diagnosis

import (
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/issuers"
	"github.com/tailjoin/tailjoin/internal/lazy"
)

// A remark is one thing in which a subject differs from what people write into a
// credential.
type remark struct {
	weight int
	reason string // a clause: "the job runs on the tag v1"
	advice string // what follows from it; may be ""
	wanted string // the pattern for the credential; "" is the subject, for any run
	rather string // what to do instead of letting such jobs in; "" is nothing
}

// ordinary is the weight of a remark that is true of all subjects of a platform.
const ordinary = 40

// subject compares the subject with what is expected of such a job.
func (e *Evidence) subject() Cause {
	is := e.Token.Claims.Subject
	if is == "" {
		return Cause{Field: "subject", weight: evident + 3, Reason: "the ID token has no subject (sub)", Fix: "have the token made with a sub claim"}
	}
	remarks := e.remarks(is)
	slices.SortStableFunc(remarks, func(a, b remark) int { return b.weight - a.weight })
	first := remarks[0]
	wanted := first.wanted
	if wanted == "" {
		wanted = e.anyRun(is)
	}
	c := Cause{Field: "subject", weight: first.weight, Reason: first.reason, Fix: "must be\n  " + wanted}
	if first.rather != "" {
		c.Fix = first.rather + "\nTo let such jobs in, it must be\n  " + wanted
	}
	for i, r := range remarks[:min(2, len(remarks))] {
		if r.advice != "" && (i == 0 || r.weight > ordinary) {
			c.Fix += "\n" + r.advice
		}
	}
	return c
}

// anyRun is the subject with a * for what differs from run to run.
func (e *Evidence) anyRun(subject string) string {
	if form, known := issuers.Of(e.Token.Claims.Issuer); known {
		return form.AnyRun(subject)
	}
	return subject
}

// remarks returns the rows of the table that match a subject, and the remarks on
// its branch. It always returns at least one.
func (e *Evidence) remarks(subject string) []remark {
	var all []remark
	for _, rule := range subjectRules {
		if r, ok := rule.of(subject, e); ok {
			all = append(all, r)
		}
	}
	for _, more := range []func(string) (remark, bool){e.branch, e.fork} {
		if r, ok := more(subject); ok {
			all = append(all, r)
		}
	}
	return append(all, remark{weight: 35, reason: "the trust credential may have another subject"})
}

// branches find the branch in subjects that name one.
const branches lazy.Pattern = `:ref:refs/heads/([^:]+)|:ref_type:branch:ref:([^:]+)|/vcs-ref/refs/heads/(.+)$`

// branch remarks on a job that does not run on the default branch.
func (e *Evidence) branch(subject string) (remark, bool) {
	match := branches.Regexp().FindStringSubmatch(subject)
	if match == nil {
		return remark{}, false
	}
	branch := match[1] + match[2] + match[3]
	if e.isDefault(branch) {
		return remark{}, false
	}
	return remark{
		weight: 52, reason: "the job runs on the branch " + branch,
		advice: "A credential for another branch does not match it",
	}, true
}

// fork remarks on a job that runs in a fork, not for one.
func (e *Evidence) fork(subject string) (remark, bool) {
	repository := e.Token.Claims.Text("repository")
	if repository == "" || !e.event().Repository.Fork {
		return remark{}, false
	}
	return remark{
		weight: 62, reason: "the job runs in the fork " + repository,
		advice: "A credential for the original repository does not match it. To skip forks: if: github.repository == 'OWNER/REPO'",
	}, true
}

// A subjectRule remarks on subjects of one form, of tokens with one claim.
type subjectRule struct {
	subject lazy.Pattern // its groups stand in the texts as $1, $2
	claim   string       // that the token must have; "" requires no claim
	value   lazy.Pattern // of the claim; "" is any
	remark
}

func (r subjectRule) of(subject string, e *Evidence) (remark, bool) {
	match := r.subject.Regexp().FindStringSubmatchIndex(subject)
	value := e.Token.Claims.Text(r.claim)
	if match == nil || r.claim != "" && (value == "" || !r.value.Matches(value)) {
		return remark{}, false
	}
	expand := func(text string) string {
		return string(r.subject.Regexp().ExpandString(nil, text, subject, match))
	}
	said := remark{r.weight, expand(r.reason), expand(r.advice), expand(r.wanted), r.rather}
	said.reason = strings.ReplaceAll(said.reason, "%s", value)
	return said, true
}
