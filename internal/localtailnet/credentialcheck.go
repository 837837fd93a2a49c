package localtailnet

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"tailscale.com/tailcfg"
)

// areas are those of the scopes; each has a form with :read, too. The last
// line are those from before scopes were split.
// Source: https://tailscale.com/docs/reference/trust-credentials.
var areas = strings.Fields(`all devices:core devices:routes devices:posture_attributes device_invites users dns
	policy_file services auth_keys oauth_keys oauth_apps federated_keys api_access_tokens webhooks log_streaming tailnets
	logs:configuration logs:network account_settings feature_settings networking_settings
	devices acl routes logs network-logs`)

// tagged are the scopes that are good for nothing without tags; devices is the
// old name of the first.
var tagged = []string{"devices:core", "auth_keys", "devices"}

// reservedClaims have fields of their own.
var reservedClaims = []string{"iss", "sub", "aud"}

// check says why nobody may make such a credential.
func (q credentialRequest) check() error {
	if !descriptionForm.MatchString(q.Description) {
		return errors.New("description must have at most 50 characters: letters, digits, hyphens, spaces")
	}
	for _, check := range []func() error{q.checkScopes, q.checkTags, q.checkIdentity, q.checkClaims} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (q credentialRequest) checkScopes() error {
	if len(q.Scopes) == 0 {
		return errors.New("at least one scope is required")
	}
	for _, scope := range q.Scopes {
		if !isScope(scope) {
			return fmt.Errorf("scope %q is not valid", scope)
		}
	}
	return nil
}

func isScope(scope string) bool { return slices.Contains(areas, strings.TrimSuffix(scope, ":read")) }

func (q credentialRequest) checkTags() error {
	for _, tag := range q.Tags {
		if err := tailcfg.CheckTag(tag); err != nil {
			return fmt.Errorf("tag %q: %w", tag, err)
		}
	}
	wants := func(scope string) bool { return slices.Contains(tagged, scope) }
	if len(q.Tags) == 0 && slices.ContainsFunc(q.Scopes, wants) {
		return errors.New("tags are required with the scopes devices:core and auth_keys")
	}
	return nil
}

func (q credentialRequest) checkIdentity() error {
	switch {
	case q.KeyType == kindFederated && q.Subject == "":
		return errors.New("subject is required")
	case q.KeyType == kindFederated && !isPublic(q.Issuer):
		return errors.New("issuer must be a valid and publicly reachable https:// URL")
	case q.KeyType != kindFederated && (q.Issuer != "" || q.Subject != "" || q.Audience != "" || len(q.CustomClaimRules) > 0):
		return errors.New("issuer, subject, audience and customClaimRules are for federated identities")
	}
	return nil
}

func (q credentialRequest) checkClaims() error {
	for _, path := range slices.Sorted(maps.Keys(q.CustomClaimRules)) {
		if !claimPath.MatchString(path) {
			return fmt.Errorf("custom claim rule %q: invalid claim name", path)
		}
		if of := names(path); len(of) == 1 && slices.Contains(reservedClaims, of[0]) {
			return fmt.Errorf("custom claim rule %q: the claim is reserved", path)
		}
	}
	return nil
}

// isPublic holds for an address whose form is that of a public issuer, and for
// one on this machine, where all that this tailnet serves is. Nobody is asked
// whether it answers.
func isPublic(issuer string) bool {
	u, err := url.Parse(issuer)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && err == nil && addr.IsLoopback()
}
