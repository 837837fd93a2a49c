package access

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// Policy is the page of Tailscale's admin console where tagOwners are.
const Policy = "https://login.tailscale.com/admin/acls"

// KeyRefused tells a credential that may not make auth keys from one that may
// not give these tags. err is that of tsapi.CreateKey with token.
func (r Request) KeyRefused(err error, token tsapi.AccessToken, tags []string) error {
	err = fmt.Errorf("creating auth key: %w", err)
	answer, ok := Refusal(err)
	switch {
	case !ok:
		return err
	case answer.Foreign:
		return webPage(err, apiFacts(r.API))
	case answer.Status == http.StatusBadRequest && strings.Contains(answer.Message, "tag"):
		return r.TagsRefused(err, tags)
	case !r.APIKey.IsZero() && answer.Status == http.StatusUnauthorized:
		return r.keyOfPersonRefused(err)
	case answer.Status == http.StatusUnauthorized || answer.Status == http.StatusForbidden:
		return r.scopeMissing("the trust credential may not create auth keys", err, diag.Fact{Name: "scopes", Value: strings.Join(token.Scopes, " ")})
	}
	return &diag.Problem{
		Code:    "key-refused",
		Summary: "Tailscale did not create an auth key",
		Err:     err,
		Facts:   []diag.Fact{r.client(), tagsFact(tags)},
		Hint:    "the cause is its own answer; compare it with the credential: " + Credentials,
	}
}

// TagsRefused explains an answer that does not let this credential give tags.
func (r Request) TagsRefused(err error, tags []string) error {
	p := &diag.Problem{
		Code:    "tags-not-permitted",
		Summary: "the credential may not give these tags",
		Err:     err,
		Facts:   []diag.Fact{tagsFact(tags), r.client()},
		Hint: "a key carries all tags of its credential, or only tags that one of them owns in tagOwners of the policy. So ask for all\n" +
			"of them, and have a credential for each set of tags; or give the credential one tag alone, which owns the others:\n" + Credentials + "\n" + Policy,
	}
	if !r.APIKey.IsZero() {
		p.Hint = "see that the tailnet policy has them in tagOwners, and that the owner of the key is among those there: " + Policy
	}
	return p
}

func tagsFact(tags []string) diag.Fact {
	return diag.Fact{Name: "tags", Value: strings.Join(tags, ", ")}
}

func (r Request) scopeMissing(summary string, err error, facts ...diag.Fact) error {
	return &diag.Problem{
		Code:    "scope-missing",
		Summary: summary,
		Err:     err,
		Facts:   append([]diag.Fact{r.client()}, facts...),
		Hint:    "give it the scope auth_keys (\"Auth Keys: Write\"), with the tags of this job: " + Credentials,
	}
}

// KeysRefused explains an answer to a request for the list of auth keys, for
// one of them or for its end.
func (r Request) KeysRefused(doing string, err error) error {
	err = fmt.Errorf("%s: %w", doing, err)
	answer, ok := Refusal(err)
	switch {
	case !ok:
		return err
	case !r.APIKey.IsZero() && answer.Status == http.StatusUnauthorized:
		return r.keyOfPersonRefused(err)
	case answer.Status == http.StatusUnauthorized || answer.Status == http.StatusForbidden:
		return r.scopeMissing("the credential may not do that with auth keys", err)
	}
	return err
}

func (r Request) keyOfPersonRefused(err error) error {
	return &diag.Problem{
		Code:    "api-key-refused",
		Summary: "Tailscale does not take this API key",
		Err:     err,
		Hint:    "it may have expired, after 90 days at most, or been revoked: https://login.tailscale.com/admin/settings/keys",
	}
}

// client is who was refused, by name.
func (r Request) client() diag.Fact {
	who := cmp.Or(r.ClientID, "that of oauth-secret")
	if !r.APIKey.IsZero() {
		who = "an API key"
	}
	return diag.Fact{Name: "client", Value: who}
}
