package access

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/lazy"
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
	case answer.Status == http.StatusBadRequest && aboutTags.Matches(answer.Message):
		return r.tagsRefused(err, tags, token.Tags)
	case !r.APIKey.IsZero() && answer.Status == http.StatusUnauthorized:
		return r.keyOfPersonRefused(err)
	case (answer.Status == http.StatusUnauthorized || answer.Status == http.StatusForbidden) && !mayMakeKeys(token):
		return r.scopeMissing("the trust credential may not create auth keys", err, diag.Fact{Name: "scopes", Value: strings.Join(token.Scopes, " ")})
	}
	p := &diag.Problem{
		Code:    "key-refused",
		Summary: "Tailscale did not create an auth key",
		Err:     err,
		Facts:   []diag.Fact{r.client(), tagsFact(tags)},
		Hint:    "the cause is its own answer; compare it with the credential: " + Credentials,
	}
	if mayMakeKeys(token) {
		p.Facts = append(p.Facts, diag.Fact{Name: "scopes", Value: strings.Join(token.Scopes, " ")})
		p.Hint = "the credential has the scope auth_keys, so it is something else. " + p.Hint
	}
	return p
}

// aboutTags finds the word in an answer.
const aboutTags lazy.Pattern = `(?i)\btags?\b`

// mayMakeKeys reports that the API itself says that a token is good for auth keys.
func mayMakeKeys(token tsapi.AccessToken) bool {
	return len(token.Scopes) > 0 && tsapi.Lacking(token.Scopes, "auth_keys") == nil
}

// TagsRefused explains an answer that does not let this credential give tags.
func (r Request) TagsRefused(err error, tags []string) error { return r.tagsRefused(err, tags, nil) }

// tagsRefused names the tags that are at fault, if it is known which ones the
// credential has.
func (r Request) tagsRefused(err error, tags, has []string) error {
	p := &diag.Problem{
		Code:    "tags-not-permitted",
		Summary: "the credential may not give " + strings.Join(tags, ", "),
		Err:     err,
		Facts:   []diag.Fact{tagsFact(tags), r.client()},
		Hint: "see that each tag is spelled as in the credential and in the policy: " + Credentials + "\n" +
			"A key carries all tags of its credential, or only tags that one of them owns in tagOwners of the policy. So ask for all\n" +
			"of them, and have a credential for each set of tags; or give the credential one tag alone, which owns the others: " + Policy,
	}
	lacks := slices.DeleteFunc(slices.Clone(tags), func(tag string) bool { return slices.Contains(has, tag) })
	switch {
	case len(has) == 0:
	case len(lacks) > 0:
		p.Facts = append(p.Facts, diag.Fact{Name: "the credential's tags", Value: strings.Join(has, ", ")})
		p.Hint = "the credential does not have " + strings.Join(lacks, ", ") + ": correct the tags of this job, or add them to the credential,\n" +
			"or have one of its tags own them in tagOwners of the policy: " + Credentials + "\n" + Policy
	default:
		p.Facts = append(p.Facts, diag.Fact{Name: "the credential's tags", Value: strings.Join(has, ", ")})
		p.Hint = "a key carries all tags of its credential. Ask for all of them:\n  tags: " + strings.Join(has, ",") + "\n" +
			"or have a credential for each set of tags: " + Credentials
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
