package diagnosis

import (
	"strings"

	"github.com/tailjoin/tailjoin/internal/lazy"
)

// madeUp begins the audience that Tailscale makes up for a federated identity.
const madeUp = "api.tailscale.com/"

// others are audiences of other services, which come with steps that were copied.
const others lazy.Pattern = `^(sts\.amazonaws\.com|sigstore|vault|api://.*|https?://(github|gitlab)\.com(/.*)?|https?://iam\.googleapis\.com/.*|//iam\.googleapis\.com/.*|(https://)?(www\.|login\.)?tailscale\.com/?|(https://)?api\.tailscale\.com/?)$`

// audience compares what the token is for with what Tailscale makes up.
func (e *Evidence) audience() Cause {
	own := madeUp + e.ClientID
	c := Cause{Field: "audience", weight: 30, Reason: "the trust credential may have an audience of its own"}
	c.Fix = "must be " + e.shownAudience() + ". If the credential has another one, give that as the input audience"
	switch {
	case e.Audience != "" && !e.Token.Claims.IsFor(e.Audience):
		c.weight = evident + 15
		c.Reason = "the ID token is for " + e.shownAudience() + ", not for " + e.Audience + " as asked"
		c.Fix = "write " + e.shownAudience() + " into the credential"
	case !e.AudienceGiven || e.Audience == own:
	case resembles(e.Audience, e.ClientID):
		c.weight = evident + 12
		c.Reason = "the input audience is " + e.Audience + ", and Tailscale's own form is " + own
		c.Fix = "leave the input audience out, or write into it what the credential has, letter by letter"
	case strings.HasPrefix(normal(e.Audience), madeUp):
		c.weight = evident + 10
		c.Reason = "the input audience is " + e.Audience + ", which names another client than " + e.ClientID
		c.Fix = "leave the input audience out: it is " + own + " then"
	case others.Matches(e.Audience):
		c.weight = evident
		c.Reason = "the input audience is " + e.Audience + ", which is another service's"
		c.Fix = "leave the input audience out, so that it is " + own + "; or write the same into the credential"
	default:
		c.weight = 53
		c.Reason = "the input audience is " + e.Audience + ", and not the one that Tailscale makes up"
		c.Fix = "must be " + e.Audience + ", letter by letter. If it is " + own + ", leave the input audience out"
	}
	return c
}

// shownAudience returns the token's audiences, separated by commas, or the
// requested audience if the token has none.
func (e *Evidence) shownAudience() string {
	if len(e.Token.Claims.Audience) == 0 {
		return e.Audience
	}
	return strings.Join(e.Token.Claims.Audience, ", ")
}

// normal is an audience without what differs by mistake only.
func normal(audience string) string {
	_, rest, hasScheme := strings.Cut(strings.ToLower(audience), "://")
	if !hasScheme {
		rest = strings.ToLower(audience)
	}
	return strings.TrimRight(rest, "/")
}

// resembles reports that an audience is Tailscale's own for a client but for a
// scheme, a slash, the host or the case of a letter.
func resembles(audience, clientID string) bool {
	audience, clientID = normal(audience), strings.ToLower(clientID)
	host, id, _ := strings.Cut(audience, "/")
	return audience == clientID || id == clientID && strings.HasSuffix(host, "tailscale.com")
}
