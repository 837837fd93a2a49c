package policy_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// withoutCI is base without the tag of the credential.
var withoutCI = strings.NewReplacer(`		"tag:ci": ["autogroup:admin"],`+"\n", "", "tag:ci", "autogroup:member").Replace(base)

func TestLockout_isOfTheTagsOfTheCredential(t *testing.T) {
	withoutDB := strings.NewReplacer(`		"tag:db": ["autogroup:admin"],`+"\n", "", "tag:db", "autogroup:member").Replace(base)
	renamed := strings.NewReplacer("tagOwners", "TagOwners").Replace(withoutCI)
	owners := func(ci, db string) string {
		return strings.NewReplacer(`"tag:ci": ["autogroup:admin"]`, `"tag:ci": `+ci, `"tag:db": ["autogroup:admin"]`, `"tag:db": `+db).Replace(base)
	}
	const admin = `["autogroup:admin"]`
	for name, c := range map[string]struct {
		who   func(*team)
		file  string
		own   []string
		warns bool
	}{
		"an OAuth client":                                   {func(*team) {}, withoutCI, []string{"tag:ci"}, false},
		"an OAuth client, in other letters":                 {func(*team) {}, renamed, []string{"tag:ci"}, false},
		"an OAuth client, another's tag":                    {func(*team) {}, withoutDB, nil, false},
		"an OAuth client, no tag goes":                      {func(*team) {}, wider, nil, false},
		"an identity that sees itself":                      {identity("policy_file", "devices:core:read", "devices:posture_attributes"), withoutCI, []string{"tag:ci"}, false},
		"an identity that may not see itself":               {blindIdentity, withoutCI, nil, true},
		"an identity, no tag goes":                          {identity("policy_file", "devices:core:read", "devices:posture_attributes"), wider, nil, false},
		"the credential's tag loses all its owners":         {func(*team) {}, owners(`[]`, admin), nil, true},
		"the credential's tag gets another owner":           {func(*team) {}, owners(`["autogroup:member"]`, admin), nil, false},
		"a tag loses all its owners":                        {func(*team) {}, owners(admin, `[]`), nil, false},
		"a tag loses the credential as its owner":           {ownsDB, owners(admin, admin), []string{"tag:db"}, false},
		"a tag that the credential owned goes":              {ownsDB, withoutDB, []string{"tag:db"}, false},
		"a tag keeps the credential among its owners":       {ownsDB, owners(admin, `["tag:ci"]`), nil, false},
		"a tag gets the credential as its owner":            {func(*team) {}, owners(admin, `["tag:ci"]`), nil, false},
		"a tag loses an owner, of an identity unseen":       {func(tm *team) { ownsDB(tm); blindIdentity(tm) }, owners(admin, admin), nil, true},
		"a tag loses all its owners, of an identity unseen": {blindIdentity, owners(`[]`, admin), nil, true},
		"a person": {func(tm *team) { tm.who.APIKey = secret.New(tm.MintAPIKey(1e12)) }, withoutCI, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			tm := newTeam(t)
			c.who(tm)
			tm.write(c.file)
			tailnet, plan := tm.look()
			l := tailnet.Lockout(t.Context(), plan)
			if !slices.Equal(l.Own, c.own) || (l.Warning() != "") != c.warns {
				t.Errorf("locks out of %v, warns %q", l.Own, l.Warning())
			}
			if c.own == nil && l.Problem() != nil {
				t.Errorf("refused: %v", l.Problem())
			} else if c.own != nil {
				wantCode(t, l.Problem(), "policy-lockout", strings.Join(c.own, ", "), "allow-lockout")
			}
		})
	}
}

// ownsDB has the credential's tag be an owner of another tag.
func ownsDB(tm *team) {
	live := strings.Replace(base, `"tag:db": ["autogroup:admin"]`, `"tag:db": ["tag:ci", "autogroup:admin"]`, 1)
	if err := tm.SetPolicy(live); err != nil {
		tm.t.Fatal(err)
	}
}

// identity has the team be a job that is let in by its ID token.
func identity(scopes ...string) func(*team) {
	return func(tm *team) {
		tm.AddCredential(localtailnet.Credential{ClientID: "T1-k1CNTRL", Issuer: tm.IssuerURL, Subject: "repo:*", Scopes: scopes, Tags: []string{"tag:ci"}})
		tm.who.Secret, tm.who.ClientID, tm.who.Audience = secret.Text{}, "T1-k1CNTRL", "api.tailscale.com/T1-k1CNTRL"
		tm.who.IDToken = func(_ context.Context, audience string) (idtoken.Token, error) {
			text, err := tm.Issuer().Mint(audience, localtailnet.Job{}.Claims())
			return idtoken.Token{Text: secret.New(text)}, err
		}
	}
}

// blindIdentity is one that the API does not show itself.
func blindIdentity(tm *team) {
	identity("policy_file", "devices:core:read", "devices:posture_attributes")(tm)
	if err := tm.SetFault(localtailnet.OpKeys, localtailnet.Fault{Status: 403}); err != nil {
		tm.t.Fatal(err)
	}
}

// Whose tags were nobody's before loses nothing now.
func TestLockout_isNoneIfTheTagWasGoneBefore(t *testing.T) {
	tm := newTeam(t)
	if err := tm.SetPolicy(withoutCI); err != nil {
		t.Fatal(err)
	}
	tm.write(strings.Replace(withoutCI, "Jobs read", "Members read", 1))
	tailnet, plan := tm.look()
	if l := tailnet.Lockout(t.Context(), plan); l.Problem() != nil || l.Warning() != "" {
		t.Errorf("%+v", l)
	}
}
