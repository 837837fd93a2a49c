package diagnosis

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/tailjoin/tailjoin/internal/httpurl"
	"github.com/tailjoin/tailjoin/internal/lazy"
)

// issuerForms are issuers that differ from what people write into a credential.
// The first that matches counts; $1 is a part of the issuer.
var issuerForms = []struct {
	form        lazy.Pattern
	weight      int
	reason, fix string
}{
	{`^https://token\.actions\.githubusercontent\.com/(.+)$`, 53, "it has the name of the enterprise, $1, at its end",
		"https://token.actions.githubusercontent.com alone is another issuer"},
	{`^https://token\.actions\.(.+)\.ghe\.com`, 53, "it belongs to $1.ghe.com", "https://token.actions.githubusercontent.com is another issuer"},
	{`^https://(.+)/_services/token$`, 53, "it is the GitHub Enterprise Server $1",
		"https://token.actions.githubusercontent.com is another issuer. Tailscale must reach this one from the internet"},
	{`^https://(.+)/api/actions$`, 50, "it is the Forgejo server $1", "the path /api/actions belongs to it"},
	{`^https://sts\.windows\.net/`, 54, "it is Entra's for tokens of version 1, with a / at its end", "https://login.microsoftonline.com/TENANT/v2.0 is that of version 2"},
	{`^https://login\.microsoftonline\.com/.+/v2\.0$`, 54, "it is Entra's for tokens of version 2", "https://sts.windows.net/TENANT/ is that of version 1"},
	{`^https://oidc\.circleci\.com/org/(.+)$`, 47, "it has the ID of the CircleCI organization at its end", "https://oidc.circleci.com alone is that of tokens made with --root-issuer"},
	{`^https://oidc\.circleci\.com$`, 50, "it is CircleCI's for all organizations", "https://oidc.circleci.com/org/ORG-ID is another issuer"},
	{`^https://oidc\.vercel\.com/(.+)$`, 45, "it has the team, $1, at its end", "https://oidc.vercel.com alone is another issuer"},
	{`^https://oidc\.vercel\.com$`, 47, "it is Vercel's for all teams", "https://oidc.vercel.com/TEAM is another issuer"},
	{`/$`, 52, "it ends with a /", "the / at the end counts"},
	{`^https://[^/]*[A-Z]`, 52, "the host of the issuer has capital letters", "upper and lower case count"},
}

// publicIssuers are those that Tailscale reaches, whatever this machine does.
const publicIssuers lazy.Pattern = `^https://(token\.actions\.githubusercontent\.com|token\.actions\.[^/]+\.ghe\.com|gitlab\.com|agent\.buildkite\.com|oidc\.circleci\.com|` +
	`vstoken\.dev\.azure\.com|api\.bitbucket\.org|accounts\.google\.com|container\.googleapis\.com|[^/]+\.semaphoreci\.com|oidc\.codefresh\.io|app\.terraform\.io|` +
	`[^/]+\.app\.spacelift\.io|oidc\.vercel\.com|federation\.namespaceapis\.com|oidc\.fly\.io|sts\.windows\.net|login\.microsoftonline\.com|` +
	`[^/]+\.oic\.prod-aks\.azure\.com|oidc\.eks\.[^/]+|[^/]+\.tokens\.sts\.global\.api\.aws)(/|$)`

func isWellKnown(issuer string) bool { return publicIssuers.Matches(issuer) }

// issuer compares the issuer with what Tailscale takes, and with the issuers that
// are mistaken for it.
func (e *Evidence) issuer() Cause {
	is := e.Token.Claims.Issuer
	c := Cause{Field: "issuer", weight: 20, Reason: "the trust credential may have another issuer", Fix: "must be " + is + ", letter by letter"}
	if reason, fix := e.unreachable(is); reason != "" {
		c.Reason, c.Fix, c.weight = reason, fix, evident+6
		return c
	}
	for _, f := range issuerForms {
		match := f.form.Regexp().FindStringSubmatchIndex(is)
		if match == nil {
			continue
		}
		c.Reason = string(f.form.Regexp().ExpandString(nil, f.reason, is, match))
		c.Fix, c.weight = c.Fix+": "+f.fix, f.weight
		return c
	}
	if set := e.Env("CI_SERVER_URL"); set != "" && set != is && e.Env("GITLAB_CI") != "" {
		c.Reason, c.weight = "it is "+is+", and not the address of the GitLab server, "+set, 55
	} else if set != "" && is != "https://gitlab.com" && e.Env("GITLAB_CI") != "" {
		c.Reason, c.Fix, c.weight = "it is the GitLab server "+is, c.Fix+": https://gitlab.com is another issuer. Tailscale must reach this one from the internet", 50
	}
	return c
}

// unreachable says why Tailscale cannot get the keys of an issuer.
func (e *Evidence) unreachable(issuer string) (reason, fix string) {
	const public = "Tailscale fetches the issuer's keys from the internet by https://: publish its discovery document and keys there,\n" +
		"and have the tokens name that address; or join by oauth-secret or authkey"
	u, err := url.Parse(issuer)
	switch {
	case issuer == "":
		return "the ID token names no issuer (iss)", "have the token made by an OpenID Connect issuer"
	case err != nil || u.Host == "":
		return "the issuer " + issuer + " is not an address", public
	case e.Local && httpurl.IsLoopback(u.Hostname()):
		return "", ""
	case u.Scheme != "https":
		return "the issuer " + issuer + " is not an https:// address", public
	case isPrivateHost(u.Hostname()):
		return "Tailscale cannot reach the issuer " + issuer + ", whose host is not on the internet", public
	}
	return "", ""
}

// privateNames end the names of hosts that only a network of one's own knows.
const privateNames lazy.Pattern = `(?i)^[^.]+$|\.(local|localhost|localdomain|internal|intranet|intra|private|corp|home|lan|home\.arpa|svc|cluster\.local|ts\.net)$`

func isPrivateHost(host string) bool {
	if at, err := netip.ParseAddr(host); err == nil {
		return !at.IsGlobalUnicast() || at.IsPrivate()
	}
	return privateNames.Matches(strings.TrimSuffix(host, "."))
}
