package localtailnet

import (
	"errors"
	"slices"
	"testing"
	"time"

	tailscale "tailscale.com/client/tailscale/v2"
	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
)

// A key carries all tags of its credential, or tags that these own. Who logs in
// with a tagged key may ask for all tags of the key, or for tags that these own.
// A policy that says who owns tags says which tags exist.
func TestTags_areAllThatACredentialHasOrTagsThatTheyOwn(t *testing.T) {
	const owners = `{"tagOwners": {
		"tag:ci": ["autogroup:admin"], "tag:server": ["autogroup:admin"], "tag:self": ["tag:self"],
		"tag:deploy": ["tag:ci"], "tag:preview": ["group:a", "tag:ci"], "tag:far": ["tag:deploy"],
	}, "groups": {"group:a": ["a@example.com"]}}`
	for name, c := range map[string]struct {
		policy         string
		own, requested []string
		want           string // the tags that are refused
	}{
		"its only tag":                    {owners, words("ci"), words("ci"), ""},
		"both of its tags":                {owners, words("ci", "server"), words("server", "ci"), ""},
		"both, one of them twice":         {owners, words("ci", "server"), words("ci", "server", "ci"), ""},
		"the first of two tags":           {owners, words("ci", "server"), words("ci"), "tag:ci"},
		"the second of two tags":          {owners, words("ci", "server"), words("server"), "tag:server"},
		"one of two, which owns itself":   {owners, words("self", "server"), words("self"), ""},
		"a tag that its tag owns":         {owners, words("ci"), words("deploy"), ""},
		"two tags that its tag owns":      {owners, words("ci"), words("deploy", "preview"), ""},
		"a tag that one of its tags owns": {owners, words("ci", "server"), words("deploy"), ""},
		"its own and one that it owns":    {owners, words("ci"), words("ci", "deploy"), "tag:ci"},
		"a tag of a tag that it owns":     {owners, words("ci"), words("far"), "tag:far"},
		"a tag that an admin owns":        {owners, words("ci"), words("server"), "tag:server"},
		"its own and a foreign one":       {owners, words("ci"), words("ci", "server"), "tag:server"},
		"a tag that does not exist":       {owners, words("ci"), words("none"), "tag:none"},
		"its tag, which does not exist":   {owners, words("old"), words("old"), "tag:old"},
		"its tag, without tagOwners":      {"{}", words("old"), words("old"), ""},
		"one of two, without tagOwners":   {"{}", words("ci", "old"), words("old"), "tag:old"},
		"a foreign one without tagOwners": {"{}", words("ci"), words("old"), "tag:old"},
	} {
		t.Run(name, func(t *testing.T) {
			tn := start(t, Options{})
			tn.AddCredential(Credential{ClientID: "k1", Secret: "s", Scopes: []string{"auth_keys", "federated_keys"}, Tags: c.own})
			if err := tn.SetPolicy(c.policy); err != nil {
				t.Fatal(err)
			}
			want := ""
			if c.want != "" {
				want = "requested tags [" + c.want + "] are invalid or not permitted"
			}
			keys := (&tailscale.Client{BaseURL: mustURL(t, tn.ControlURL), Auth: &tailscale.OAuth{ClientID: "k1", ClientSecret: "s"}}).Keys()
			identity := identityRequest(tn)
			identity.Tags = c.requested
			_, keyErr := keys.CreateAuthKey(t.Context(), keyRequest(c.requested...))
			_, credentialErr := keys.CreateFederatedIdentity(t.Context(), identity)
			key, _ := tn.MintKey(KeyOptions{Tags: c.own})
			for asked, err := range map[string]error{
				"a key": keyErr, "a credential": credentialErr, "a login": tn.login(key.ID, c.requested),
			} {
				if got := message(err); got != want {
					t.Errorf("%s: got %q, want %q", asked, got, want)
				}
			}
		})
	}
}

func TestTags_ofANodeAreThoseItAskedFor(t *testing.T) {
	tn := start(t, Options{})
	if err := tn.SetPolicy(`{"tagOwners": {"tag:ci": [], "tag:deploy": ["tag:ci"]}}`); err != nil {
		t.Fatal(err)
	}
	for want, requested := range map[string][]string{"tag:ci": nil, "tag:deploy": words("deploy")} {
		key, _ := tn.MintKey(KeyOptions{Tags: words("ci")})
		if err := tn.login(key.ID, requested); err != nil {
			t.Fatal(err)
		}
		nodes := tn.Nodes()
		if got := nodes[len(nodes)-1].Tags; len(got) != 1 || got[0] != want {
			t.Errorf("asking for %v: the node has %v, want %s", requested, got, want)
		}
	}
}

// The scope all gives every tag that exists.
func TestTags_ofACredentialWithAllScopes(t *testing.T) {
	tn := start(t, Options{})
	if err := tn.SetPolicy(`{"tagOwners": {"tag:ci": [], "tag:server": []}}`); err != nil {
		t.Fatal(err)
	}
	keys := clientWith(t, tn, "all").Keys()
	if _, err := keys.CreateAuthKey(t.Context(), keyRequest("tag:server")); err != nil {
		t.Error(err)
	}
	_, err := keys.CreateAuthKey(t.Context(), keyRequest("tag:none"))
	if got := message(err); got != "requested tags [tag:none] are invalid or not permitted" {
		t.Errorf("a tag that does not exist: %q", got)
	}
}

// words are tags by their names.
func words(names ...string) (tags []string) {
	for _, name := range names {
		tags = append(tags, "tag:"+name)
	}
	return tags
}

// message is what the API or control said; "" without an error.
func message(err error) string {
	var e tailscale.APIError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Message
	}
	return err.Error()
}

// login registers a node by a key, as a daemon that asks for tags does.
func (t *Tailnet) login(keyID string, tags []string) (err error) {
	req := &tailcfg.RegisterRequest{
		NodeKey: key.NewNode().Public(), Hostinfo: &tailcfg.Hostinfo{Hostname: "ci", RequestTags: tags},
	}
	t.state.change(func() {
		i := slices.IndexFunc(t.state.keys, func(k *authKey) bool { return k.ID == keyID })
		req.Auth = &tailcfg.RegisterResponseAuth{AuthKey: t.state.keys[i].secret}
		if res := t.register(req, key.NewMachine().Public(), time.Now()); res.Error != "" {
			err = errors.New(res.Error)
		}
	})
	return err
}
