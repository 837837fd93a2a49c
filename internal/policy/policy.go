// Package policy keeps a tailnet's policy file in git: it tests a change, shows
// what it does, applies it, and brings back what somebody changed elsewhere.
//
// There are three versions. The file is the one in git, in one file or several.
// The live policy is what the tailnet has. The last applied version is the live
// policy that last came from the file: of it only the ETag is kept, so that a
// change by somebody else is told from one of ours.
package policy

import (
	"context"
	"errors"
	"fmt"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/policyfile"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// A Tailnet is one whose policy is kept, as the bearer of an access token sees
// it.
type Tailnet struct {
	Asked access.Request // that got the token; its API and Again serve here, too
	Token tsapi.AccessToken
}

// Open gets an access token.
func Open(ctx context.Context, r access.Request) (*Tailnet, error) {
	token, err := r.Get(ctx)
	return &Tailnet{r, token}, ended(ctx, err)
}

// A Plan is the three versions of a policy, and what sets them apart.
type Plan struct {
	Path string // of the file or the folder, as the user calls it
	File *policyfile.File
	Live tsapi.Policy
	Was  *policyfile.File // the live policy as a file; nil if it cannot be read
	Last Last

	Changes []policyfile.Change // from the live policy to the file
	Effects policyfile.Effects

	isSame bool   // the file is the live policy
	opens  string // why the file allows everything, if the live policy does not; "" otherwise
}

// Changed reports whether the file is another policy than the live one.
// Comments count, and layout does not.
func (p *Plan) Changed() bool { return !p.isSame }

func isLive(f *policyfile.File, live tsapi.Policy) bool {
	if f.ETag() == policyfile.ETag(live.Text) {
		return true
	}
	is, err := policyfile.Parse(policyfile.Source{Name: livePolicy, Text: live.Text})
	return err == nil && policyfile.SameButLayout(f, is)
}

// Edited reports whether somebody changed the live policy since it was last
// applied from the file. Nobody knows that before a first time.
func (p *Plan) Edited() bool { return p.Last.ETag != "" && !p.Last.is(p.Live) }

// Overwrites reports whether applying the file undoes what somebody changed.
func (p *Plan) Overwrites() bool { return p.Changed() && p.Edited() }

// Version is the name of a version that is kept: the API's own, or if that
// gives none, the one it would give.
func Version(p tsapi.Policy) string {
	if p.ETag != "" {
		return p.ETag
	}
	return policyfile.ETag(p.Text)
}

// Look reads the live policy and the last applied version, at the same time,
// and compares.
func (t *Tailnet) Look(ctx context.Context, path string, file *policyfile.File, m Memory) (*Plan, error) {
	type loaded struct {
		Last
		err error
	}
	last := make(chan loaded, 1)
	go func() {
		etag, err := m.Load(ctx)
		last <- loaded{Last{etag, m.Where()}, err}
	}()
	live, err := t.live(ctx)
	known := <-last
	if err = errors.Join(err, known.err); err != nil {
		return nil, ended(ctx, err)
	}
	p := &Plan{Path: path, File: file, Live: live, Last: known.Last}
	if err := p.compare(ctx); err != nil {
		return nil, ended(ctx, err)
	}
	return p, nil
}

func (p *Plan) compare(ctx context.Context) (err error) {
	p.isSame = p.File.ETag() == policyfile.ETag(p.Live.Text)
	p.opens = p.whyItOpens()
	was, err := policyfile.Parse(policyfile.Source{Name: livePolicy, Text: p.Live.Text})
	if err != nil {
		return nil // all of the file is new
	}
	p.Was, p.Changes = was, policyfile.Diff(was, p.File)
	p.isSame = p.isSame || len(p.Changes) == 0 && policyfile.SameButLayout(was, p.File)
	if _, _, wasOpen := was.Open(); wasOpen {
		p.opens = ""
	}
	if p.Effects, err = policyfile.Effect(ctx, was, p.File); err != nil {
		return fmt.Errorf("comparing the file with the live policy: %w", err)
	}
	return nil
}

// whyItOpens says why the file allows everything; "" if it does not.
func (p *Plan) whyItOpens() string {
	why, at, isOpen := p.File.Open()
	if !isOpen {
		return ""
	}
	return fmt.Sprintf("%s (%v)", why, at)
}

// livePolicy is what people call it.
const livePolicy = "the live policy"

func (t *Tailnet) live(ctx context.Context) (live tsapi.Policy, err error) {
	err = t.call(ctx, "reading the live policy", func(ctx context.Context) (err error) {
		live, err = t.Asked.API.Policy(ctx, t.Token)
		return err
	})
	return live, err
}

// call makes one call of the API, again if it failed in a way that may pass.
func (t *Tailnet) call(ctx context.Context, doing string, op func(context.Context) error) error {
	_, err := retry.Do(ctx, t.Asked.Again, func(ctx context.Context) (bool, error) { return true, op(ctx) })
	if err == nil || ctx.Err() != nil {
		return err
	}
	return access.Unanswered(t.Asked.API, t.explain(doing, err))
}
