package access

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/lazy"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// Credentials is the page of Tailscale's admin console where they are kept.
const Credentials = "https://login.tailscale.com/admin/settings/trust-credentials"

// Refusal is the API's answer, if that is what err is: one that another try
// does not change.
func Refusal(err error) (*tsapi.Error, bool) {
	answer, ok := errors.AsType[*tsapi.Error](err)
	return answer, ok && answer.Status/100 == 4 && !answer.Page && !retry.MayPass(answer.Status)
}

// elsewhere holds for a server of the user's own that has no such call, as a
// control server that is not Tailscale's. Headscale answers a path below /api that
// it does not know with 401 and a line of text.
func (r Request) elsewhere(answer *tsapi.Error) bool {
	hasNoCall := answer.Status == http.StatusNotFound || answer.Status == http.StatusUnauthorized && answer.Foreign
	return hasNoCall && r.API.BaseURL != ""
}

func (r Request) noExchange(err error) error {
	return &diag.Problem{
		Code:    "no-exchange",
		Summary: "this server gives no access tokens as Tailscale's API does",
		Err:     err,
		Facts:   []diag.Fact{{Name: "api", Value: r.API.BaseURL}},
		Hint:    "join by authkey, with a key that your control server made; or name the API of the tailnet with api-url",
	}
}

func (r Request) secretRefused(err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("asking for an access token: %w", err)
	answer, ok := Refusal(err)
	switch {
	case !ok:
		return err
	case r.elsewhere(answer):
		return r.noExchange(err)
	case answer.Status == http.StatusForbidden && len(r.Scopes) > 0: // a wrong secret is a 401
		return r.scopeMissing("the OAuth client lacks the scope "+strings.Join(r.Scopes, " "), err)
	case answer.Foreign:
		return webPage(err, apiFacts(r.API))
	}
	return &diag.Problem{
		Code:    "oauth-refused",
		Summary: "Tailscale refused the OAuth client's secret",
		Err:     err,
		Hint:    r.secretHint(),
	}
}

// secretForm is the secret of an OAuth client: the ID of the client is a part of it.
const secretForm lazy.Pattern = `^tskey-client-(k[0-9A-Za-z]+)(-.+)?$`

// clientIn is the client ID that a secret names, "" if it names none.
func clientIn(s secret.Text) string {
	match := secretForm.Regexp().FindStringSubmatch(s.Reveal())
	if match == nil {
		return ""
	}
	return match[1]
}

// secretHint says what may be wrong with a secret, by its form and by the client
// ID beside it.
func (r Request) secretHint() string {
	const whole = "see that oauth-secret holds all of it, from tskey-client- on, and that the client is still there: " + Credentials
	named := clientIn(r.Secret)
	switch {
	case strings.HasPrefix(r.ClientID, "T"):
		return "the client ID " + r.ClientID + " is a federated identity's, which takes no secret: leave oauth-secret out, or oauth-client-id.\nElse " + whole
	case named != "" && strings.HasSuffix(r.Secret.Reveal(), named):
		return "the secret is cut off behind the ID of its client: copy all of it, or make a new one: " + Credentials
	case named != "" && r.ClientID != "" && named != r.ClientID:
		return "the secret is another client's than " + r.ClientID + " in oauth-client-id: give both of one client.\nElse " + whole
	}
	return whole
}

// Unanswered explains an API that could not be spoken to, each time it was
// tried. Other errors stay as they are: a source of ID tokens knows its own
// servers.
func Unanswered(api *tsapi.Client, err error) error {
	if _, ok := errors.AsType[*diag.Problem](err); ok {
		return err
	}
	facts := apiFacts(api)
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &diag.Problem{
			Code:    "not-trusted",
			Summary: "this machine does not trust the certificate of a server that tailjoin needs",
			Err:     err,
			Facts:   facts,
			Hint:    "if a proxy looks into TLS here, add its root certificate to this machine, or name it in the variable SSL_CERT_FILE",
		}
	}
	if answer, ok := errors.AsType[*tsapi.Error](err); ok && (answer.Page || answer.Foreign && !retry.MayPass(answer.Status)) {
		return webPage(err, facts)
	}
	later, ok := errors.AsType[*retry.Later](err)
	if answer, limited := errors.AsType[*tsapi.Error](err); ok && limited && answer.Status == http.StatusTooManyRequests {
		return tooMany(err, facts, later.After)
	}
	if ok {
		return &diag.Problem{
			Code:    "not-answering",
			Summary: "a server that tailjoin needs keeps failing",
			Err:     err,
			Facts:   facts,
			Hint:    "see whether this machine reaches it, and what https://status.tailscale.com and https://www.githubstatus.com say",
		}
	}
	return err
}

// tooMany explains a 429: the API works, and this tailnet asks it too often.
func tooMany(err error, facts []diag.Fact, after time.Duration) error {
	hint := "start fewer jobs at once, or give a longer timeout"
	if after > 0 {
		facts = append(facts, diag.Fact{Name: "retry after", Value: after.String()})
		hint = "give a timeout above " + after.String() + ", or start fewer jobs at once"
	}
	return &diag.Problem{
		Code: "not-answering", Summary: "the server limits how often it is asked, and the timeout leaves no room to wait", Err: err, Facts: facts, Hint: hint,
	}
}

func apiFacts(api *tsapi.Client) []diag.Fact {
	return []diag.Fact{{Name: "api", Value: cmp.Or(api.BaseURL, tsapi.DefaultURL)}}
}

func webPage(err error, facts []diag.Fact) error {
	summary := "a web page came back instead of an answer of Tailscale's API"
	if answer, ok := errors.AsType[*tsapi.Error](err); ok && !answer.Page {
		summary = "the answer did not come from Tailscale's API, whose answers are all JSON"
	}
	return &diag.Problem{
		Code:    "web-page",
		Summary: summary,
		Err:     err,
		Facts:   facts,
		Hint: "a proxy, a firewall or a captive portal is between this machine and the API: let the job reach the address above,\n" +
			"or set HTTPS_PROXY to a proxy that does. If api-url or login-server is set, see that it is the API's address",
	}
}
