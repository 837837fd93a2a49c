package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tailjoin/tailjoin/internal/oidc"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/sts/exchange"
	"github.com/tailjoin/tailjoin/internal/sts/policy"
	"golang.org/x/time/rate"
)

// traded is the answer to an exchange: RFC 8693, section 2.2.1.
type traded struct {
	AccessToken     string `json:"access_token"`
	IssuedTokenType string `json:"issued_token_type"`
	TokenType       string `json:"token_type"`
	ExpiresIn       int64  `json:"expires_in"` // seconds
}

// An exchanger is the token exchange of a server.
type exchanger struct {
	issuers   map[string]*oidc.Issuer // those of the configuration: nobody else is asked for keys
	strangers limits                  // of those who are no nodes, by their address
	away      rate.Sometimes          // to log that keys cannot be had: anyone can make us ask for them
}

func (x *exchanger) init(s *Server) {
	x.issuers = map[string]*oidc.Issuer{}
	for _, url := range s.Exchange.Issuers() {
		x.issuers[url] = &oidc.Issuer{URL: url, Client: s.IssuerClient, Now: s.now}
	}
	x.strangers.init(s.Rate, s.Burst)
	x.away.Interval = 10 * time.Second // as often as keys are asked for
}

// exchangeAt answers exchanges. On the tailnet it is noted which node asks; but
// what counts is the ID token that it shows.
func (s *Server) exchangeAt(onTailnet bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		e := Entry{Time: s.now().UTC(), Event: eventExchange, Remote: r.RemoteAddr}
		answer, err := s.trade(w, r, &e, onTailnet)
		err = s.noted(r.Context(), &e, err)
		s.metrics.exchanged(e)
		if err != nil {
			s.refusedOAuth(w, err)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Pragma", "no-cache") // RFC 6749, section 5.1
		writeJSON(w, http.StatusOK, answer)
	}
}

func (s *Server) trade(w http.ResponseWriter, r *http.Request, e *Entry, onTailnet bool) (*traded, error) {
	if err := noPage(r.Header); err != nil {
		return nil, err
	}
	if !s.mayExchange(r, e, onTailnet) {
		return nil, &refusal{rateLimited, ""}
	}
	wish, err := readWish(w, r)
	e.Audience = wish.audience
	if err != nil {
		return nil, err
	}
	claims, err := s.verified(r.Context(), wish.token, e)
	if err != nil {
		return nil, err
	}
	d, err := s.decideExchange(wish.audience, claims, e)
	if err != nil {
		return nil, err
	}
	signed, err := s.issue(r.Context(), d, e)
	if err != nil {
		return nil, err
	}
	return &traded{signed.token.Reveal(), wish.wanted, "Bearer", int64(d.Lifetime / time.Second)}, nil
}

// mayExchange counts a request: of the node, if one asks, or of its address.
func (s *Server) mayExchange(r *http.Request, e *Entry, onTailnet bool) bool {
	if onTailnet {
		if caller, err := s.caller(r.Context(), r.RemoteAddr); err == nil {
			e.of(caller)
			return s.limits.allow(caller.NodeID, s.now())
		}
	}
	return s.exchanger.strangers.allow(network(r.RemoteAddr), s.now())
}

// verified are the claims of an ID token that its issuer signed, if that is
// one which the configuration trusts. Nobody else's keys are asked for.
func (s *Server) verified(ctx context.Context, token secret.Text, e *Entry) (exchange.Claims, error) {
	unverified := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token.Reveal(), unverified); err != nil {
		return nil, &refusal{tokenInvalid, "it is no signed JWT"} // the cause may quote it
	}
	e.Presented = presented(unverified)
	issuer := s.exchanger.issuers[e.Presented.Issuer]
	if issuer == nil {
		return nil, &refusal{issuerNotTrusted, e.Presented.Issuer}
	}
	claims, err := issuer.Verify(ctx, token)
	if away, ok := errors.AsType[*oidc.KeysError](err); ok {
		s.exchanger.away.Do(func() {
			s.Log.WarnContext(ctx, "an issuer's keys cannot be had", "issuer", issuer.URL, "because", away)
		})
		return nil, &refusal{issuerAway, away.Error()}
	} else if err != nil {
		return nil, &refusal{tokenInvalid, err.Error()}
	}
	e.Presented.Verified = true
	return claims, nil
}

// decideExchange holds a verified ID token against the trust rules, and the
// audience against those of the configuration.
func (s *Server) decideExchange(audience string, claims exchange.Claims, e *Entry) (d policy.Decision, err error) {
	trust, err := s.Exchange.Decide(claims, audience)
	e.Grant = trust.Rule
	if err != nil {
		return d, &refusal{code(err.Error()), e.Presented.String()}
	}
	rule := s.Policy.RuleFor(audience)
	if rule == nil {
		return d, &refusal{audienceNotAllowed, ""}
	}
	d = policy.Decision{
		Audience: audience, Rule: rule.Audience.String(), Grant: trust.Rule,
		Subject: trust.Subject, Claims: trust.Claims, Algorithm: rule.Algorithm, Lifetime: rule.Lifetime,
	}
	if trust.Lifetime > 0 {
		d.Lifetime = min(d.Lifetime, trust.Lifetime)
	}
	e.decided(d)
	// What comes out of a token does not outlive it.
	d.Lifetime = min(d.Lifetime, expiry(claims).Sub(s.now()).Truncate(time.Second))
	if d.Lifetime < time.Second {
		return d, &refusal{tokenInvalid, "it has expired"}
	}
	return d, nil
}

// expiry is when a token ends that was verified, so it says so.
func expiry(c exchange.Claims) time.Time {
	at, err := jwt.MapClaims(c).GetExpirationTime()
	if err != nil || at == nil {
		return time.Time{}
	}
	return at.Time
}

// Presented is the ID token that somebody wants to exchange. Until it was
// verified, all of that is the bearer's word.
type Presented struct {
	Issuer   string `json:"iss,omitempty"`
	Subject  string `json:"sub,omitempty"`
	Audience string `json:"aud,omitempty"`
	ID       string `json:"jti,omitempty"`
	Verified bool   `json:"verified"`
}

// longestShown is how much of a claim is shown.
const longestShown = 512

func presented(c jwt.MapClaims) *Presented {
	text := func(name string) string {
		value, _ := c[name].(string)
		if value == "" && c[name] != nil {
			raw, _ := json.Marshal(c[name]) // it came out of JSON
			value = string(raw)
		}
		return strings.ToValidUTF8(value[:min(len(value), longestShown)], "")
	}
	return &Presented{Issuer: text("iss"), Subject: text("sub"), Audience: text("aud"), ID: text("jti")}
}

func (p *Presented) String() string {
	return "issuer " + p.Issuer + ", subject " + p.Subject + ", audience " + p.Audience
}
