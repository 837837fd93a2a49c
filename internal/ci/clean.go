package ci

import (
	"errors"
	"sync"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// clean removes secrets from a text that is about to be written. It comes before
// the platform's own escapes, which would hide a secret from it.
func (s Streams) clean(text string) string {
	if s.Clean == nil {
		return text
	}
	return s.Clean(text)
}

// cleanWords has everything that a job says about itself pass the filter for
// secrets: also the pages and annotations, which go past the streams.
func (j Job) cleanWords(s Streams) Job {
	summary, report, warn, harmless, group := j.Summary, j.Report, j.Warn, j.Harmless, j.Group
	j.Mask = once(j.Mask)
	j.Summary = func(markdown string) error { return summary(s.clean(markdown)) }
	j.Report = func(p *diag.Problem) { report(s.cleanProblem(p)) }
	j.Warn = func(at diag.Place) { warn(s.cleanPlace(at)) }
	j.Harmless = func(line string) string { return harmless(s.clean(line)) }
	j.Group = func(title string) func() { return group(s.clean(title)) }
	return j
}

// once masks each secret one time: the platform remembers it.
func once(mask func(secret.Text)) func(secret.Text) {
	var masked sync.Map
	return func(t secret.Text) {
		if _, known := masked.LoadOrStore(t.Reveal(), true); !known {
			mask(t)
		}
	}
}

func (s Streams) cleanProblem(p *diag.Problem) *diag.Problem {
	clean := *p
	clean.Summary, clean.Hint = s.clean(p.Summary), s.clean(p.Hint)
	if p.Err != nil {
		clean.Err = errors.New(s.clean(p.Err.Error()))
	}
	clean.Facts, clean.Places = nil, nil
	for _, fact := range p.Facts {
		clean.Facts = append(clean.Facts, diag.Fact{Name: s.clean(fact.Name), Value: s.clean(fact.Value)})
	}
	for _, at := range p.Places {
		clean.Places = append(clean.Places, s.cleanPlace(at))
	}
	return &clean
}

func (s Streams) cleanPlace(at diag.Place) diag.Place {
	at.File, at.Text = s.clean(at.File), s.clean(at.Text)
	return at
}
