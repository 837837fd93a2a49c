package localtailnet

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	tailscale "tailscale.com/client/tailscale/v2"
)

// A person's API key needs no tags and is bound by no credential's.
func TestAPIKey_ofAPerson(t *testing.T) {
	tn := start(t, Options{})
	person := &tailscale.Client{BaseURL: mustURL(t, tn.ControlURL), Tailnet: "tailjoin.example", APIKey: tn.MintAPIKey(time.Hour)}
	for name, tags := range map[string][]string{"untagged": nil, "tagged": {"tag:ci"}} {
		if _, err := person.Keys().CreateAuthKey(t.Context(), keyRequest(tags...)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := person.Keys().CreateAuthKey(t.Context(), keyRequest("tag:nobodys"))
	if d := cmp.Diff(refusal{400, "requested tags [tag:nobodys] are invalid or not permitted"}, refused(t, err)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	keys, err := person.Keys().List(t.Context(), false)
	if n := count(keys, kindAuth); err != nil || n != 2 {
		t.Errorf("got %d auth keys, %v; want two", n, err)
	}
	elsewhere := &tailscale.Client{BaseURL: mustURL(t, tn.ControlURL), Tailnet: "other.example", APIKey: tn.MintAPIKey(time.Hour)}
	if _, err := elsewhere.Keys().List(t.Context(), true); !tailscale.IsNotFound(err) {
		t.Errorf("another tailnet: got %v, want 404", err)
	}
	expired := &tailscale.Client{BaseURL: mustURL(t, tn.ControlURL), APIKey: tn.MintAPIKey(-time.Second)}
	_, err = expired.Keys().List(t.Context(), true)
	if d := cmp.Diff(refusal{401, "API token invalid"}, refused(t, err)); d != "" {
		t.Errorf("expired (-want +got):\n%s", d)
	}
}

// Without all, a token of a credential is shown credentials only.
func TestListKeys_withoutAllShowsACredentialNoAuthKeys(t *testing.T) {
	tn := start(t, Options{})
	keys := client(t, tn, nil).Keys()
	if _, err := keys.CreateAuthKey(t.Context(), keyRequest("tag:ci")); err != nil {
		t.Fatal(err)
	}
	list, err := keys.List(t.Context(), false)
	if n := count(list, kindAuth); err != nil || n != 0 {
		t.Errorf("without all: got %d auth keys, %v; want none", n, err)
	}
	if n := count(mustList(t, keys), kindAuth); n != 1 {
		t.Errorf("with all: got %d auth keys, want one", n)
	}
}

func count(keys []tailscale.Key, kind string) (n int) {
	for _, k := range keys {
		if k.KeyType == kind {
			n++
		}
	}
	return n
}

func TestDERPMap_isPublished(t *testing.T) {
	tn := start(t, Options{})
	var got struct{ Regions map[string]any }
	if err := getJSON(t.Context(), nil, tn.ControlURL+"/derpmap/default", &got); err != nil || len(got.Regions) != 1 {
		t.Errorf("got %v, %v; want one region", got, err)
	}
}
