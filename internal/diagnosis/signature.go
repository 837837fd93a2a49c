package diagnosis

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/jwk"
)

// verifyLimit bounds the question to the issuer: the job has failed already.
const verifyLimit = 4 * time.Second

// A verification is what came of comparing a token with its issuer's keys.
type verification struct {
	done bool
	err  error
}

// verify asks the issuer for its keys, unless that is one of the large platforms:
// their tokens come from them directly.
func (e *Evidence) verify(ctx context.Context) {
	issuer := e.Token.Claims.Issuer
	if reason, _ := e.unreachable(issuer); e.Verify == nil || reason != "" || isWellKnown(issuer) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), verifyLimit)
	defer cancel()
	e.verified = verification{true, e.Verify(ctx, e.Token)}
}

// signature reports a token that its issuer's keys do not verify.
func (e *Evidence) signature() Cause {
	c := Cause{Field: "signature", weight: evident + 14}
	if alg := e.Token.Header().Algorithm; alg != "" && !slices.Contains(jwk.Algorithms(), alg) {
		c.Reason = "the ID token is signed with " + alg + ", which needs no public key of its issuer"
		c.Fix = "have the tokens signed with a key that the issuer publishes: RS256 or ES256"
		return c
	}
	p, ok := errors.AsType[*diag.Problem](e.verified.err)
	switch {
	case !ok || e.clock().weight > 0: // it does not verify because of its times
		return Cause{}
	case p.Code == "issuer-unusable":
		c.Field = "issuer"
		c.Reason = "the keys of the issuer " + e.Token.Claims.Issuer + " cannot be fetched from here either"
		c.Fix = oneLine(p.Err) + ".\nISSUER/.well-known/openid-configuration must answer Tailscale from the internet, with the same issuer in it"
	default:
		c.Reason = "no key that the issuer " + e.Token.Claims.Issuer + " publishes has signed the ID token"
		c.Fix = oneLine(p.Err) + ".\nGet a fresh token from the issuer itself. If the issuer has new keys, it must publish them"
	}
	return c
}

func oneLine(err error) string {
	if err == nil {
		return "it is not valid"
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}
