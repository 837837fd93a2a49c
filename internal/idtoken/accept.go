package idtoken

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/jwk"
	"github.com/tailjoin/tailjoin/internal/retry"
)

// accept reads what a source gave. The audience and the age of a token that was
// made without asking us are compared here: Tailscale would only say no. For an
// empty audience any is right.
func (s Source) accept(raw, audience string) (Token, error) {
	token, err := parse(raw)
	if err != nil {
		return Token{}, s.explain(err)
	}
	if s.Audience == Requested {
		return token, nil
	}
	if audience != "" && !token.Claims.IsFor(audience) {
		return Token{}, s.otherAudience(token.Claims, audience)
	}
	if at := token.Claims.Expires; !at.IsZero() && time.Since(at) > jwk.Leeway {
		return Token{}, s.expired(at)
	}
	return token, nil
}

func (s Source) otherAudience(c Claims, wanted string) error {
	return &diag.Problem{
		Code:    "audience-mismatch",
		Summary: "the ID token is for another audience than the one that is wanted",
		Facts: []diag.Fact{
			{Name: "source", Value: s.Name},
			{Name: "audience of the token", Value: strings.Join(c.Audience, ", ")},
			{Name: "audience wanted", Value: wanted},
		},
		Hint: s.audienceHint(c, wanted),
	}
}

// audienceHint says where to change which of the two.
func (s Source) audienceHint(c Claims, wanted string) string {
	if s.Audience == Fixed && len(c.Audience) > 0 {
		return fmt.Sprintf("%s writes its own audience into every token. Give tailjoin the input\n  audience: %s\n"+
			"and write the same into the Audience of the trust credential", s.Title, c.Audience[0])
	}
	return strings.ReplaceAll(s.words.setting, "AUDIENCE", wanted)
}

func (s Source) expired(at time.Time) error {
	return &diag.Problem{
		Code:    "id-token-expired",
		Summary: "the ID token has expired",
		Facts: []diag.Fact{
			{Name: "source", Value: s.Name},
			{Name: "expired", Value: at.UTC().Format(time.RFC3339)},
		},
		Hint: "it was made when the job began, or by somebody before. Join earlier in the job, or have it made with a longer life;\n" +
			"if it should be good still, this machine's clock is wrong",
	}
}

// A refusal is an answer that is none of success. Its body is not kept: nobody
// says what it may hold.
type refusal struct {
	server string // host, path of a socket, or command
	said   string // "403 Forbidden"
	code   string // name of the error, if the answer has one; safe to print

	status int // 0 if it was not HTTP
	header http.Header
	page   bool // a firewall's or a proxy's: HTML with status 403
}

func (r *refusal) Error() string {
	text := r.server + " answered " + r.said
	if r.code != "" {
		text += " (" + r.code + ")"
	}
	if r.page {
		text += ": a web page, as a firewall or a proxy sends"
	}
	return text
}

// explain gives the failures of a source its words. What may pass by itself
// stays marked as *retry.Later below them. Other errors stay as they are.
func (s Source) explain(err error) error {
	if _, ok := errors.AsType[*diag.Problem](err); ok || err == nil {
		return err
	}
	err = s.mark(err)
	_, later := errors.AsType[*retry.Later](err)
	_, refused := errors.AsType[*refusal](err)
	none, isOdd := errors.AsType[odd](err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case untrusted:
		return s.problem("not-trusted", "this machine does not trust the certificate of "+s.words.giver,
			"if a proxy looks into TLS here, add its root certificate to this machine, or name it in the variable SSL_CERT_FILE", err)
	case later:
		return s.problem("not-answering", s.words.giver+" keeps failing", s.words.silent, err)
	case refused:
		return s.problem("id-token-refused", s.words.giver+" gives this job no ID token", s.words.refused, err)
	case isOdd:
		return s.problem("not-a-token", "what "+s.words.giver+" gave is no ID token", s.words.refused, none)
	default:
		return err
	}
}

func (s Source) problem(code, summary, hint string, err error) error {
	return &diag.Problem{Code: code, Summary: summary, Hint: hint, Err: err, Facts: []diag.Fact{{Name: "source", Value: s.Name}}}
}

// mark marks what may be gone on another try.
func (s Source) mark(err error) error {
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		return retry.Network(err)
	}
	if wait, ok := s.again[r.status]; ok {
		return &retry.Later{Err: err, After: wait}
	}
	if r.status == 0 {
		return err
	}
	if r.page {
		return &retry.Later{Err: err, Limit: retry.Doubt}
	}
	return retry.Status(err, r.status, r.header)
}
