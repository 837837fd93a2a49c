// Package idtoken is where a workload's OIDC ID token comes from, and what it
// claims.
//
// Every source is a row of one table. A source is detected by the environment
// alone, or chosen by name; the network is asked only by Get.
package idtoken

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// An Env looks up an environment variable. A variable that is not set is "".
type Env func(name string) string

// An Audience says who decides a token's `aud`: the real difference between
// sources.
type Audience int

const (
	Requested  Audience = iota // whoever asks for the token, at that moment
	Configured                 // the pipeline's file or an administrator's page
	Fixed                      // the issuer, for all its tokens
)

// A Source is one place that gives ID tokens.
type Source struct {
	Name     string // as id-token-source takes it
	Title    string // as people call it
	Audience Audience
	Trust    Trust

	wish    Wish
	detect  func(Env) bool                             // reads the environment only; nil if it has to be chosen
	missing func(job) *diag.Problem                    // nil if a token can be had
	read    func(job) (string, error)                  // a token that lies here already, "" if there is none
	fetch   func(context.Context, job) (string, error) // one that has to be asked for; nil if read is all there is
	again   map[int]time.Duration                      // statuses that may pass, beside 429 and 5xx, and the least wait
	secrets []string                                   // variables that nobody may see
	words   words                                      // for the reader of its problems
}

// Trust is what a trust credential must hold to let a source's tokens in, for
// people to fill in. Audience is "" where tailjoin decides it.
type Trust struct{ Issuer, Subject, Audience string }

// words are what a source's problems say of it.
type words struct {
	giver   string // who gives the token: "the runner's token service"
	refused string // what to look at if it gives none
	silent  string // what to look at if it does not answer
	setting string // where the audience is set; AUDIENCE stands for the one wanted
}

// A job is what a source may look at when it is asked for a token.
type job struct {
	Env
	Wish
	client   *http.Client
	audience string
}

// path is one of the platform's own paths.
func (j job) path(absolute string) string { return filepath.Join(j.Root+"/", absolute) }

// Check reports, before any work, why no token can be had from s.
func (s Source) Check(env Env) error {
	if p := s.missing(job{Env: env, Wish: s.wish}); p != nil {
		p.Facts = append([]diag.Fact{{Name: "source", Value: s.Name}}, p.Facts...)
		return p
	}
	return nil
}

// Ready is Check, and for a token that lies here already also whether it is
// for audience and has not expired. The network is not asked.
func (s Source) Ready(env Env, audience string) error {
	if err := s.Check(env); err != nil || s.read == nil {
		return withAudience(err, audience)
	}
	raw, err := s.read(job{Env: env, Wish: s.wish})
	if err != nil || raw == "" {
		return withAudience(s.explain(err), audience)
	}
	_, err = s.accept(raw, audience)
	return withAudience(err, audience)
}

// anyAudience stands in the hints of sources for the audience that is not known
// there.
const anyAudience = "api.tailscale.com/CLIENT-ID"

// withAudience is a problem whose hint names the audience that is asked for.
func withAudience(err error, audience string) error {
	if p, ok := errors.AsType[*diag.Problem](err); ok && audience != "" {
		p.Hint = strings.ReplaceAll(p.Hint, anyAudience, audience)
	}
	return err
}

// Get returns a fresh token. It does not try again; what may change by itself
// is marked as *retry.Later.
func (s Source) Get(ctx context.Context, env Env, client *http.Client, audience string) (Token, error) {
	if err := s.Check(env); err != nil {
		return Token{}, withAudience(err, audience)
	}
	raw, err := s.raw(ctx, job{Env: env, Wish: s.wish, client: client, audience: audience})
	if err != nil {
		return Token{}, withAudience(s.explain(err), audience)
	}
	token, err := s.accept(raw, audience)
	return token, withAudience(err, audience)
}

func (s Source) raw(ctx context.Context, j job) (string, error) {
	if s.read != nil {
		if raw, err := s.read(j); err != nil || raw != "" || s.fetch == nil {
			return raw, err
		}
	}
	return s.fetch(ctx, j)
}

// Secrets are what this source reads that nobody may see.
func (s Source) Secrets(env Env) (all []secret.Text) {
	for _, name := range s.secrets {
		all = append(all, secret.New(env(name)))
	}
	return append(all, s.wish.secrets(env)...)
}
