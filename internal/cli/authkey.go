package cli

import (
	"flag"
	"slices"
	"time"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/authkey"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/join"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// authkeyVerbs are those of `tailjoin authkey`.
func authkeyVerbs() []command {
	return []command{
		{name: "create", summary: "make an auth key for a machine that joins by itself", run: (*front).authkeyCreate},
		{name: "list", summary: "list auth keys; never the keys themselves", run: (*front).authkeyList},
		{name: "revoke", summary: "make auth keys useless, by ID or by what they are for", run: (*front).authkeyRevoke},
	}
}

// keyInputs are the inputs of every verb of authkey, and of others that speak
// to the API only.
type keyInputs struct {
	inputs
	fallback bool
	narrower string // what would be enough, instead of an API key
}

func (k *keyInputs) flags(fs *flag.FlagSet) {
	k.idToken(fs)
	k.api(fs)
	k.narrower = "an OAuth client with the scope auth_keys may make keys for its tags"
	fs.Var(boolean{&k.fallback}, "api-key-fallback", "without OAuth credentials, use TAILSCALE_API_KEY with TAILSCALE_TAILNET; it may do all that its owner may")
}

// keyDeps are what the verbs of authkey go through. Everything the user said
// of who asks is checked here.
func (f *front) keyDeps(in *keyInputs) (authkey.Deps, error) {
	request, err := f.keyAccess(in)
	return authkey.Deps{Access: request, Now: time.Now, Log: f.log("")}, err
}

// keyAccess asks for no more than auth keys need.
func (f *front) keyAccess(in *keyInputs) (access.Request, error) {
	if len(in.ways()) == 0 && (in.fallback || f.env(apiKey) != "") {
		return f.byAPIKey(in)
	}
	request, err := f.accessRequest(&in.inputs)
	request.Scopes = []string{"auth_keys"}
	return request, err
}

// apiKey and ofTailnet are variables that other programs of Tailscale read, too.
const (
	apiKey    = "TAILSCALE_API_KEY"
	ofTailnet = "TAILSCALE_TAILNET"
)

// byAPIKey is the way of those who have no OAuth client. It is wider, so nobody
// gets there without asking for it.
func (f *front) byAPIKey(in *keyInputs) (access.Request, error) {
	switch {
	case !in.fallback:
		return access.Request{}, diag.Input("nothing says who asks: there is no oauth-client-id and no oauth-secret",
			"give one of them. "+apiKey+" is set, but it is used only with --api-key-fallback: an API key may do all that its owner may,\n"+
				"in the whole tailnet, where "+in.narrower)
	case f.env(apiKey) == "":
		return access.Request{}, diag.Input("nothing says who asks: there are no OAuth credentials, and "+apiKey+" is not set",
			"give oauth-client-id, to use the job's own identity; or oauth-secret. A secret is empty in a pull request from a fork")
	case f.env(ofTailnet) == "":
		return access.Request{}, diag.Input(apiKey+" is set, and "+ofTailnet+" is not",
			"set it to the name of the tailnet, such as example.com; or to - for the tailnet of the key")
	}
	key := secret.New(f.env(apiKey))
	f.mask(key)
	for _, found := range secret.Keys(key.Reveal()) {
		if !slices.Contains(keysTaken["input api-key"], found.Kind) {
			return access.Request{}, diag.Input(apiKey+" holds "+keyKinds[found.Kind].name, "set it to an API key, or unset it. It was not sent anywhere")
		}
	}
	if err := checkServers(&in.inputs, &join.Request{}); err != nil {
		return access.Request{}, err
	}
	f.log("").Warn("using " + apiKey + ", which may do all that its owner may: " + in.narrower)
	api := &tsapi.Client{BaseURL: in.apiBase(), Tailnet: f.env(ofTailnet), UserAgent: "tailjoin/" + f.Version}
	return access.Request{APIKey: key, API: api, Mask: f.mask, Again: f.again}, nil
}
