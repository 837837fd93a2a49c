package trust

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/spec"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// A Wish is a credential in the words of a user.
type Wish struct {
	Name         string     // its description at Tailscale
	Kind         tsapi.Kind // "" is a federated identity
	Scopes, Tags []string

	Issuer, Subject, Audience string
	Claims                    []string // NAME=PATTERN
}

const (
	lower    = "abcdefghijklmnopqrstuvwxyz"
	inNames  = lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -"
	inScopes = lower + "_-:"
)

// isOf holds for a text of these characters, one at least.
func isOf(characters, text string) bool { return text != "" && strings.Trim(text, characters) == "" }

// Credential checks all that was said, as far as it can be checked without
// asking Tailscale.
func (w Wish) Credential() (tsapi.Credential, error) {
	c := tsapi.Credential{
		Kind: orElse(w.Kind, tsapi.Federated), Description: w.Name,
		Scopes: w.Scopes, Issuer: w.Issuer, Subject: w.Subject, Audience: w.Audience,
	}
	for _, check := range []func(*tsapi.Credential) error{w.checkName, w.checkScopes, w.checkTags, w.checkText, w.checkIdentity, w.checkClaims} {
		if err := check(&c); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (w Wish) checkName(*tsapi.Credential) error {
	if isOf(inNames, w.Name) && len(w.Name) <= longestName && w.Name == strings.Trim(w.Name, " -") {
		return nil
	}
	return diag.Input(fmt.Sprintf("a trust credential cannot be called %q", w.Name),
		"the name is its description at Tailscale: at most 50 letters, digits, hyphens and spaces, such as \"web main\"")
}

func (w Wish) checkScopes(c *tsapi.Credential) error {
	c.Scopes = tsapi.WithCompanions(w.Scopes)
	if len(c.Scopes) == 0 {
		return diag.Input("a trust credential without scopes is good for nothing", "name some; to let nodes join that is --scope auth_keys")
	}
	for _, scope := range c.Scopes {
		if !isOf(inScopes, scope) {
			return diag.Input(fmt.Sprintf("%q is not a scope", scope),
				"scopes are such as auth_keys, devices:core or dns:read: https://tailscale.com/docs/reference/trust-credentials#scopes")
		}
	}
	return nil
}

// tagged are the scopes that Tailscale gives to no credential without tags;
// devices is the old name of the first.
var tagged = []string{"devices:core", "auth_keys", "devices"}

func (w Wish) checkTags(c *tsapi.Credential) (err error) {
	if c.Tags, err = spec.Tags(strings.Join(w.Tags, ",")); err != nil {
		return err
	}
	wants := func(scope string) bool { return slices.Contains(tagged, scope) }
	if i := slices.IndexFunc(c.Scopes, wants); i >= 0 && len(c.Tags) == 0 {
		return diag.Input("tags are missing", "with the scope "+c.Scopes[i]+" a trust credential has tags, and its keys carry all of them:\n  --tag tag:ci")
	}
	return nil
}

// checkText refuses what nobody can see, and what would begin a new line in a
// log.
func (w Wish) checkText(*tsapi.Credential) error {
	for _, text := range append([]string{w.Issuer, w.Subject, w.Audience}, w.Claims...) {
		if strings.ContainsFunc(text, unicode.IsControl) {
			return diag.Input(fmt.Sprintf("there are control characters in %q", text), "leave them out; a * stands for any text, for these too")
		}
	}
	return nil
}

func (w Wish) checkIdentity(c *tsapi.Credential) error {
	if c.Kind != tsapi.Federated {
		if w.Issuer+w.Subject+w.Audience != "" || len(w.Claims) > 0 {
			return diag.Input("an OAuth client takes no tokens", "issuer, subject, audience and claims are for --kind federated")
		}
		return nil
	}
	if err := checkIssuer(w.Issuer); err != nil {
		return diag.Input(fmt.Sprintf("issuer cannot be %q", w.Issuer), err.Error())
	}
	if w.Subject == "" {
		return diag.Input("subject is missing", "say which tokens of the issuer are meant; a * stands for any text:\n  --subject repo:acme/web:ref:refs/heads/main")
	}
	if w.Subject == "*" && len(w.Claims) == 0 {
		return diag.Input("the subject * would let in everybody whom the issuer knows", "name the workloads that you mean, or add a rule for another claim: --claim repository_id=2002")
	}
	return nil
}

var errIssuer = errors.New("write what tokens have in iss, letter by letter: https://token.actions.githubusercontent.com for GitHub.\n" +
	"Tailscale must reach it from the internet")

// checkIssuer allows plain http on this machine, for a tailnet that is here.
func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errIssuer
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if u.Scheme == "https" || u.Scheme == "http" && err == nil && addr.IsLoopback() {
		return nil
	}
	return errIssuer
}

// reserved are the claims that have fields of their own.
var reserved = map[string]string{"iss": "issuer", "sub": "subject", "aud": "audience"}

func (w Wish) checkClaims(c *tsapi.Credential) error {
	for _, line := range w.Claims {
		path, pattern, ok := spec.CutRule(line)
		if !ok {
			return diag.Input(fmt.Sprintf("claim %q is not NAME=PATTERN", line), "write --claim environment=production; a * stands for any text")
		}
		if err := spec.CheckPath(path); err != nil {
			return diag.Input(fmt.Sprintf("there can be no claim %q", path), "a dot reaches into an object, and quotes keep one in a name: user.name, \"a.dotted/name\"",
				diag.Fact{Name: "because", Value: err.Error()})
		}
		if strings.Contains(path, "/") && strings.Contains(path, ".") && !strings.Contains(path, `"`) {
			return diag.Input(fmt.Sprintf("the claim %q has dots and a /, so it is one name", path), "a dot reaches into an object. Put the name in quotes: --claim '\""+path+"\"="+pattern+"'")
		}
		if field := reserved[strings.Trim(path, `"`)]; field != "" {
			return diag.Input(fmt.Sprintf("claim %s is no rule of its own", path), "give --"+field+" instead")
		}
		if _, twice := c.Claims[path]; twice {
			return diag.Input(fmt.Sprintf("there are two rules for the claim %s", path), "a trust credential has one for each")
		}
		if c.Claims == nil {
			c.Claims = map[string]string{}
		}
		c.Claims[path] = pattern
	}
	return nil
}
