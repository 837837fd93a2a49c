package azure

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
)

// A place is a thing in a vault.
type place struct {
	url, kind, name string
}

func (p place) facts() []diag.Fact {
	return []diag.Fact{{Name: "vault", Value: p.url}, {Name: p.kind, Value: p.name}}
}

// explain says why the vault did not do what it was asked to.
func (p place) explain(err error) error {
	var answered *azcore.ResponseError
	var unknown *azidentity.AuthenticationFailedError
	var given interface{ NonRetriable() }
	switch {
	case errors.As(err, &answered):
		return p.answered(answered, short(err, answered, vaultSays(answered)))
	case errors.As(err, &unknown) && unknown.RawResponse == nil, !errors.As(err, &given):
		return p.away(err)
	case unknown != nil && passes(unknown.RawResponse.StatusCode):
		return p.away(short(err, unknown, entraSays(unknown)))
	case unknown != nil:
		return p.refused(short(err, unknown, entraSays(unknown)))
	}
	return p.refused(err) // the SDK has no identity, or does not like the vault
}

func passes(status int) bool {
	return status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}

func (p place) answered(answer *azcore.ResponseError, err error) error {
	switch inner := problemOf(answer).Inner.Code; {
	case passes(answer.StatusCode):
		return p.away(err)
	case inner == "ObjectIsDeletedButRecoverable":
		return p.odd(err, "recover it: its versions come back with it. Or purge it, and new keys are made at the next start")
	case inner == "KeyDisabled":
		return p.odd(err, "enable that version again; or, if it is not to be used any more: tailjoin-sts keys rotate")
	case answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden:
		return p.refused(err)
	}
	return p.odd(err, "see that it is the right vault, and that nobody deleted the "+p.kind)
}

// away is a failure that may pass by itself.
func (p place) away(err error) error {
	return &diag.Problem{
		Code:    "vault-away",
		Summary: "the key vault does not answer, or has no time",
		Err:     fmt.Errorf("%w: %w", keyring.ErrAway, err),
		Facts:   p.facts(),
		Hint: "if it stays so: see that this machine reaches the vault and Entra ID (firewall, private endpoint, proxy),\n" +
			"and that the vault is not asked more often than it allows: 4,000 times in 10 seconds",
	}
}

// refused is one that somebody has to permit.
func (p place) refused(err error) error {
	return &diag.Problem{
		Code:    "vault-refused",
		Summary: "the key vault does not let the token service in",
		Err:     err,
		Facts:   p.facts(),
		Hint: "its identity needs a role on the vault: Key Vault Secrets Officer for a secret, Key Vault Crypto Officer for keys\n" +
			"Who it is say tenantId, clientId and clientSecret beside the vault's URL; else the AZURE_* variables, or the machine",
	}
}

// odd is one where the vault is not as it should be.
func (p place) odd(err error, hint string) error {
	return &diag.Problem{
		Code:    "vault-odd",
		Summary: "the key vault lacks what the signing keys need, or does not let it be used",
		Err:     err,
		Facts:   p.facts(),
		Hint:    hint,
	}
}

// isMissing holds if there is no such secret.
func isMissing(err error) bool {
	var answer *azcore.ResponseError
	return errors.As(err, &answer) && answer.ErrorCode == "SecretNotFound"
}

// isParallel holds if somebody else is writing: Key Vault lets one at a time.
func isParallel(err error) bool {
	var answer *azcore.ResponseError
	return errors.As(err, &answer) && answer.StatusCode == http.StatusConflict && problemOf(answer).Inner.Code == ""
}

// A problem is how the vault says what is wrong.
type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Inner   struct {
		Code string `json:"code"`
	} `json:"innererror"`
}

func problemOf(answer *azcore.ResponseError) problem {
	var body struct {
		Error problem `json:"error"`
	}
	decode(answer.RawResponse, &body)
	return body.Error
}

func vaultSays(answer *azcore.ResponseError) string {
	p := problemOf(answer)
	return strings.Join([]string{fmt.Sprint(answer.StatusCode), p.Code, p.Inner.Code, p.Message}, " ")
}

func entraSays(unknown *azidentity.AuthenticationFailedError) string {
	var body struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	decode(unknown.RawResponse, &body)
	first, _, _ := strings.Cut(body.Description, "\n") // IDs for Microsoft's support follow
	return strings.Join([]string{"Entra ID:", fmt.Sprint(unknown.RawResponse.StatusCode), body.Code, first}, " ")
}

// decode reads what may be no JSON; then v stays as it is.
func decode(answer *http.Response, v any) {
	if body, err := runtime.Payload(answer); err == nil {
		json.Unmarshal(body, v)
	}
}

// A said has a few words in the place of a page of the SDK's, and is the same
// error.
type said struct {
	words string
	error
}

func (s said) Error() string { return s.words }
func (s said) Unwrap() error { return s.error }

// short puts words, on one line, in the place of what cause says in err.
func short(err, cause error, words string) error {
	const most = 400
	words = strings.Join(strings.Fields(words), " ")
	if len(words) > most {
		words = words[:most] + "…"
	}
	return said{strings.Replace(err.Error(), cause.Error(), words, 1), err}
}
