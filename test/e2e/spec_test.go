//go:build linux

package e2e

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// bySpec lets a spec say what the inputs said, and more of it.
func bySpec(w *world, more string) {
	w.t.Helper()
	w.ownTags()
	delete(w.vars, "TAILJOIN_OAUTH_CLIENT_ID")
	delete(w.vars, "TAILJOIN_TAGS")
	w.vars["TAILJOIN_SPEC"] = "corp"
	w.vars["TAILJOIN_SPECS"] = fmt.Sprintf(`{"TAILJOIN_SPEC_CORP": {"oauth_client_id": %q, "tags": ["tag:ci", "tag:server"]%s}}`, clientID, more)
}

type preferences struct {
	Hostname          string
	RouteAll, CorpDNS bool
}

// wantTags looks for the tags of the job's node, which it has from its key.
func (w *world) wantTags(tags ...string) {
	w.t.Helper()
	nodes := w.Nodes()
	if !slices.ContainsFunc(nodes, func(n localtailnet.Node) bool { return slices.Equal(n.Tags, tags) }) {
		w.t.Errorf("nodes %+v, want one with the tags %v", nodes, tags)
	}
}

func TestJoin_spec_isAWholeConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.mustPeer(localtailnet.PeerOptions{})
	bySpec(w, `, "hostname": "{repository}-{run}-ci", "accept_routes": false, "accept_dns": false, "wait_for": ["my-server:80"],
		"ephemeral": false, "tailnet": "tailjoin.example", "allow": {"repositories": ["acme/web"], "branches": ["main"]}`)
	w.mustJoin("--network=userspace")
	got := decode[preferences](t, w.step("tailscale", "debug", "prefs"))
	if d := cmp.Diff(preferences{"web-7000000001-ci", false, false}, got); d != "" {
		t.Errorf("preferences (-want +got):\n%s", d)
	}
	w.wantTags("tag:ci", "tag:server")
	for _, key := range w.Keys() {
		if key.Ephemeral {
			t.Errorf("the key is for an ephemeral node: %+v", key)
		}
	}
	// The token that was compared with allow is the one that was exchanged.
	if tokens := w.events(localtailnet.OpIDToken); len(tokens) != 1 {
		t.Errorf("ID tokens: %v, want one", tokens)
	}
	w.mustLeave()
	w.wantNothingLeft()
}

func TestJoin_spec_yieldsToInputs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	bySpec(w, `, "hostname": "x", "accept_routes": false, "wait_for": ["nobody:1"]`)
	w.mustPeer(localtailnet.PeerOptions{})
	w.mustJoin("--network=userspace", "--accept-routes=true", "--accept-dns=false", "--hostname=mine", "--tags=tag:ci", "--wait-for=my-server:80")
	got := decode[preferences](t, w.step("tailscale", "debug", "prefs"))
	if d := cmp.Diff(preferences{"mine", true, false}, got); d != "" {
		t.Errorf("preferences (-want +got):\n%s", d)
	}
	w.wantTags("tag:ci")
	w.mustLeave()
	w.wantNothingLeft()
}

func TestJoin_spec_ofTheWorkspaceAtNamespace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	bySpec(w, "")
	delete(w.vars, "TAILJOIN_SPECS")
	namespace := localtailnet.NewNamespace()
	namespace.Put("corp", fmt.Sprintf(`{"oauth_client_id": %q, "tags": ["tag:ci"], "enable_magic_dns": true}`, clientID))
	server := httptest.NewServer(namespace)
	defer server.Close()
	tokens := filepath.Join(w.dir, "token.json")
	if err := os.WriteFile(tokens, []byte(`{"bearer_token": "`+namespace.Token+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	w.vars["NSC_IAM_ENDPOINT"], w.vars["NSC_TOKEN_FILE"], w.vars["TAILJOIN_ID_TOKEN_SOURCE"] = server.URL, tokens, "github"
	w.mustJoin("--network=userspace")
	w.mustLeave()
	w.wantNothingLeft()
}

// Leave is given no client: it knows it from the session, for a token that is
// asked for and for one that lies there already.
func TestLeave_knowsTheIdentityOfASpec(t *testing.T) {
	t.Parallel()
	for _, source := range []string{"github", "env:MY_TOKEN"} {
		t.Run(source, func(t *testing.T) {
			w := newWorld(t, localtailnet.Options{})
			token, err := w.Issuer().Mint("api.tailscale.com/"+clientID, nil)
			if err != nil {
				t.Fatal(err)
			}
			bySpec(w, `, "allow": {"branches": ["main"]}`)
			w.vars["TAILJOIN_ID_TOKEN_SOURCE"], w.vars["MY_TOKEN"] = source, token
			w.mustJoin("--network=userspace")
			w.killDaemon()

			w.mustLeave()
			w.wantNothingLeft()
			if deleted := withStatus(w.events(localtailnet.OpDevices), 200); len(deleted) != 1 {
				t.Errorf("deletions: %v, want one", deleted)
			}
		})
	}
}
