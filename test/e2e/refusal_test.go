//go:build linux

package e2e

import (
	"testing"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// trust is what the job's credential demands in most tests.
func (w *world) trust() localtailnet.Credential {
	return localtailnet.Credential{
		ClientID: clientID, Issuer: w.IssuerURL, Subject: "repo:*",
		Scopes: []string{"auth_keys", "devices:core"}, Tags: []string{"tag:ci"},
	}
}

// ownTags gives the job's credential the tag tag:deploy alone, which owns tag:ci
// and tag:server: keys may carry either one, or both.
func (w *world) ownTags() {
	w.t.Helper()
	credential := w.trust()
	credential.Tags = []string{"tag:deploy"}
	w.AddCredential(credential)
	if err := w.SetPolicy(`{
		"tagOwners": {"tag:deploy": ["autogroup:admin"], "tag:ci": ["tag:deploy"], "tag:server": ["tag:deploy"]},
		"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}],
	}`); err != nil {
		w.t.Fatal(err)
	}
}

func TestJoin_refusedIdentity_isToldWhatItIsAndNotTriedAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*world, *localtailnet.Credential)
		words  []string
	}{
		"subject": {
			func(_ *world, c *localtailnet.Credential) { c.Subject = "repo:acme/api:*" },
			[]string{"subject", "repo:acme/web:ref:refs/heads/main"},
		},
		"audience": {
			func(_ *world, c *localtailnet.Credential) { c.Audience = "https://example.com" },
			[]string{"audience", "api.tailscale.com/" + clientID},
		},
		"issuer": {
			func(_ *world, c *localtailnet.Credential) { c.Issuer = "https://token.actions.githubusercontent.com" },
			[]string{"issuer", "http://127.0.0.1:"},
		},
		"claim": {
			func(w *world, c *localtailnet.Credential) {
				c.Claims = map[string]string{"environment": "production"}
				w.vars["RUNNER_DEBUG"] = "1"
			},
			[]string{"custom claim rule", "event_name=push", "repository_owner:acme"},
		},
		"client": {
			func(w *world, _ *localtailnet.Credential) { w.vars["TAILJOIN_OAUTH_CLIENT_ID"] = "Tother-CNTRL" },
			[]string{"client", "Tother-CNTRL"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, localtailnet.Options{})
			credential := w.trust()
			c.change(w, &credential)
			w.AddCredential(credential)

			w.mustFail("wif-refused", append(c.words, "trust-credentials"), "--network=userspace")
			if got := w.events(localtailnet.OpExchange); len(got) != 1 {
				t.Errorf("exchanges: %v, want one", got)
			}
		})
	}
}

func TestJoin_refusedIdentity_ofANewRepositoryIsToldTheOldForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.Issuer().Claims = localtailnet.Job{Immutable: true}.Claims()
	credential := w.trust()
	credential.Subject = "repo:acme/web:ref:refs/heads/main"
	w.AddCredential(credential)

	w.mustFail("wif-refused", []string{
		"repo:acme@1001/web@2002:ref:refs/heads/main", "immutable", "repo:acme/web:…",
	}, "--network=userspace")
}

func TestJoin_refusedKey_saysWhatTheCredentialLacks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code  string
		lack  func(*localtailnet.Credential)
		words []string
	}{
		"no scope": {
			"scope-missing", func(c *localtailnet.Credential) { c.Scopes = []string{"devices:core"} },
			[]string{"auth_keys", "devices:core", clientID},
		},
		"another tag": {
			"tags-not-permitted", func(c *localtailnet.Credential) { c.Tags = []string{"tag:server"} },
			[]string{"tag:ci", "tagOwners", clientID},
		},
		"one of two tags": {
			"tags-not-permitted", func(c *localtailnet.Credential) { c.Tags = []string{"tag:ci", "tag:server"} },
			[]string{"tag:ci", "all tags of its credential", "tagOwners", clientID},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, localtailnet.Options{})
			credential := w.trust()
			c.lack(&credential)
			w.AddCredential(credential)

			w.mustFail(c.code, c.words, "--network=userspace")
			if got := w.events(localtailnet.OpKeys); len(got) != 1 {
				t.Errorf("requests for keys: %v, want one", got)
			}
		})
	}
}
