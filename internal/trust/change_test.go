package trust_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/trust"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// tazlab are the two OAuth clients of TazLab.
func tazlab() []trust.Wish {
	return []trust.Wish{
		{Name: "tazlab-bootstrap", Kind: tsapi.OAuthClient, Scopes: []string{"auth_keys", "devices"}, Tags: []string{"tag:tazpod"}},
		{Name: "tazlab-k8s-operator", Kind: tsapi.OAuthClient, Scopes: []string{"devices", "auth_keys", "services"}, Tags: []string{"tag:k8s-operator"}},
	}
}

func TestMake_thenPlanFindsNothingToDo(t *testing.T) {
	w := open(t, "all")
	for _, wish := range append(tazlab(), w.web()) {
		t.Run(wish.Name, func(t *testing.T) {
			want := mustBe(t, wish)
			if p, err := w.Plan(t.Context(), want); err != nil || p.Have != nil {
				t.Fatalf("before: %+v, %v; want none", p.Have, err)
			}
			made, _ := w.mustMake(t, wish)
			p, err := w.Plan(t.Context(), want)
			if err != nil || p.Have == nil || p.Have.ID != made.ID || len(p.Changes) > 0 {
				t.Errorf("after: %+v, %v; want %s as it is", p, err, made.ID)
			}
		})
	}
}

func TestMake_givesTheSecretOnceAndItWorks(t *testing.T) {
	w := open(t, "oauth_keys")
	made, key := w.mustMake(t, tazlab()[0])
	if d := cmp.Diff([]string{key.Reveal()}, w.masked); d != "" || key.IsZero() {
		t.Errorf("masked (-want +got):\n%s", d)
	}
	token := w.mustToken(t, access.Request{ClientID: made.ID, Secret: key})
	if _, err := w.Asked.API.CreateKey(t.Context(), token, tsapi.KeyRequest{Tags: []string{"tag:tazpod"}}); err != nil {
		t.Error(err)
	}
	shown, err := w.Find(t.Context(), made.ID)
	if d := cmp.Diff(made, shown); err != nil || d != "" {
		t.Errorf("shown: %v (-made +shown)\n%s", err, d)
	}
}

func TestMake_letsTheJobInThatIsMeant(t *testing.T) {
	w := open(t, "federated_keys")
	made, key := w.mustMake(t, w.web())
	if !key.IsZero() || made.Audience != "api.tailscale.com/"+made.ID {
		t.Errorf("made with the audience %q, and a secret %t", made.Audience, !key.IsZero())
	}
	w.mustToken(t, access.Request{ClientID: made.ID, IDToken: w.job(made.Audience)})
}

// job is how the tailnet's job gets ID tokens.
func (w *world) job(audience string) func(context.Context, string) (idtoken.Token, error) {
	return func(context.Context, string) (idtoken.Token, error) {
		raw, err := w.local.Issuer().Mint(audience, nil)
		return idtoken.Token{Text: secret.New(raw)}, err
	}
}

// An answer that is lost leaves a credential: of an OAuth client that one is
// useless, since its secret was in the answer.
func TestMake_whoseAnswerIsLost(t *testing.T) {
	for _, kind := range []tsapi.Kind{tsapi.Federated, tsapi.OAuthClient} {
		t.Run(string(kind), func(t *testing.T) {
			w := open(t, "all")
			if err := w.local.SetFault(localtailnet.OpKeys, localtailnet.Fault{Method: "POST", Times: 1, Lost: true}); err != nil {
				t.Fatal(err)
			}
			wish := w.web()
			if kind == tsapi.OAuthClient {
				wish = tazlab()[0]
			}
			made, key := w.mustMake(t, wish)
			all, err := w.List(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			all = slices.DeleteFunc(all, func(c tsapi.Credential) bool { return c.Description == "admin" })
			if len(all) != 1 || all[0].ID != made.ID || w.waited != 1 {
				t.Errorf("waited %d times, then there are %+v; want %s alone", w.waited, all, made.ID)
			}
			if kind == tsapi.OAuthClient {
				w.mustToken(t, access.Request{Secret: key})
			}
		})
	}
}

func TestMake_triesAgainWhatMayPass(t *testing.T) {
	w := open(t, "all")
	if err := w.local.SetFault(localtailnet.OpKeys, localtailnet.Fault{Times: 2, Status: 503}); err != nil {
		t.Fatal(err)
	}
	w.mustMake(t, w.web())
	if w.waited != 2 {
		t.Errorf("waited %d times, want twice", w.waited)
	}
}

func TestSet_replacesTheWhole(t *testing.T) {
	w := open(t, "all")
	wish := w.web()
	wish.Claims = []string{"event_name=push", "actor=*"}
	made, _ := w.mustMake(t, wish)

	changed := w.web()
	changed.Name, changed.Subject, changed.Claims = "", "repo:acme/web:ref:refs/heads/release", []string{"event_name=push"}
	changed.Scopes = []string{"devices:core", "auth_keys"}
	p, err := w.PlanOf(t.Context(), "web main", changed)
	if err != nil {
		t.Fatal(err)
	}
	want := []trust.Change{
		{Field: "subject", Have: wish.Subject, Want: changed.Subject},
		{Field: "scopes", Have: "auth_keys", Want: "auth_keys, devices:core"},
		{Field: "claim actor", Have: "*"},
	}
	if d := cmp.Diff(want, p.Changes); d != "" {
		t.Errorf("changes (-want +got):\n%s", d)
	}
	set, err := w.Set(t.Context(), p)
	if err != nil || set.ID != made.ID || set.Audience != made.Audience || set.Updated.IsZero() {
		t.Errorf("set to %+v, %v; want the same ID and audience", set, err)
	}
	if again, err := w.PlanOf(t.Context(), made.ID, changed); err != nil || len(again.Changes) > 0 {
		t.Errorf("after it: %+v, %v; want nothing to do", again.Changes, err)
	}
}

func TestDelete_andWhatIsDeletedIsNotFoundByName(t *testing.T) {
	w := open(t, "all")
	made, _ := w.mustMake(t, w.web())
	for range 2 { // once more changes nothing
		if err := w.Delete(t.Context(), made); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := w.Find(t.Context(), made.ID); err != nil || !c.Invalid || c.Revoked.IsZero() {
		t.Errorf("by its ID: %+v, %v; want it deleted", c, err)
	}
	_, err := w.Find(t.Context(), "web main")
	wantCode(t, err, "trust-unknown")
	_, err = w.PlanOf(t.Context(), made.ID, w.web())
	wantCode(t, err, "trust-deleted")
}

func TestFind_byNameOrID(t *testing.T) {
	w := open(t, "all")
	made, _ := w.mustMake(t, w.web())
	for _, by := range []string{"web main", made.ID} {
		if found, err := w.Find(t.Context(), by); err != nil || found.ID != made.ID {
			t.Errorf("%s: %s, %v", by, found.ID, err)
		}
	}
	// A name may look like an ID.
	short := w.web()
	short.Name = "kubernetes"
	named, _ := w.mustMake(t, short)
	if found, err := w.Find(t.Context(), "kubernetes"); err != nil || found.ID != named.ID {
		t.Errorf("kubernetes: %s, %v", found.ID, err)
	}
	w.mustMake(t, w.web())
	_, err := w.Find(t.Context(), "web main")
	wantCode(t, err, "trust-ambiguous")
	_, err = w.Plan(t.Context(), mustBe(t, w.web()))
	wantCode(t, err, "trust-ambiguous")
}

func TestPlanOf_anotherKind(t *testing.T) {
	w := open(t, "all")
	made, _ := w.mustMake(t, w.web())
	_, err := w.PlanOf(t.Context(), made.ID, trust.Wish{Kind: tsapi.OAuthClient, Scopes: []string{"dns"}})
	wantCode(t, err, "input-invalid")
}

func TestRefusals_sayWhatToDo(t *testing.T) {
	w := open(t, "auth_keys", "federated_keys")
	made, _ := w.mustMake(t, w.web())
	client := mustBe(t, tazlab()[0])
	_, _, err := w.Make(t.Context(), client)
	wantCode(t, err, "scope-missing")
	_, err = w.Set(t.Context(), trust.Plan{Have: &tsapi.Credential{ID: "kadmin"}, Want: client})
	wantCode(t, err, "scope-missing")

	tags := w.web()
	tags.Name, tags.Tags = "other", []string{"tag:database"}
	_, _, err = w.Make(t.Context(), mustBe(t, tags))
	wantCode(t, err, "tags-not-permitted")

	scopes := w.web()
	scopes.Name, scopes.Scopes = "other", []string{"auth_keyz"}
	_, _, err = w.Make(t.Context(), mustBe(t, scopes))
	wantCode(t, err, "trust-refused")

	w.Token = w.mustToken(t, access.Request{ClientID: made.ID, IDToken: w.job(made.Audience)})
	if _, err := w.Find(t.Context(), made.ID); err != nil {
		t.Errorf("a credential is not shown to itself: %v", err)
	}
	_, err = w.Find(t.Context(), "kadmin")
	wantCode(t, err, "scope-missing")
}
