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
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/spec"
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

// identityRefused says what the trust credential must hold. Tailscale does not
// say which claim it did not like, so the reader gets all that it looks at. A
// token that is not valid by this machine's clock at now is told first.
func (r Request) identityRefused(err error, c idtoken.Claims, now time.Time) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("exchanging ID token: %w", err)
	answer, ok := Refusal(err)
	switch {
	case !ok:
		return err
	case r.elsewhere(answer):
		return r.noExchange(err)
	}
	summary, hint := "Tailscale refused this job's identity", trustHint(c.Subject)
	if fault, remedy := clockFault(c, now); fault != "" {
		summary, hint = "Tailscale refused this job's ID token: "+fault, remedy+".\nIf the clocks are right, "+hint
	}
	return &diag.Problem{
		Code:    "wif-refused",
		Summary: summary,
		Err:     err,
		Facts: []diag.Fact{
			{Name: "issuer", Value: c.Issuer},
			{Name: "subject", Value: c.Subject},
			{Name: "audience", Value: strings.Join(c.Audience, ", ")},
			{Name: "client", Value: r.ClientID},
		},
		Hint: hint,
	}
}

func trustHint(subject string) string {
	hint := "open the trust credential of this client: " + Credentials + "\n" +
		"Its issuer, subject and audience must be these, letter by letter (a * in its subject stands for any text).\n" +
		"If they are, one of its custom claim rules does not hold: run the job again with debug logging to see every claim."
	if old := spec.NameOnly(subject); old != "" {
		hint += "\nThis subject has the immutable form, with numbers. A credential for the old form does not match it:\n" +
			"  " + old + "\nWrite the subject above instead."
	}
	return hint
}

// elsewhere holds for an API of the user's own that has no such call, as a
// control server that is not Tailscale's.
func (r Request) elsewhere(answer *tsapi.Error) bool {
	return answer.Status == http.StatusNotFound && r.API.BaseURL != ""
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
	}
	return &diag.Problem{
		Code:    "oauth-refused",
		Summary: "Tailscale refused the OAuth client's secret",
		Err:     err,
		Hint:    "see that oauth-secret holds all of it, from tskey-client- on, and that the client is still there: " + Credentials,
	}
}

// Unanswered explains an API that could not be spoken to, each time it was
// tried. Other errors stay as they are: a source of ID tokens knows its own
// servers.
func Unanswered(api *tsapi.Client, err error) error {
	if _, ok := errors.AsType[*diag.Problem](err); ok {
		return err
	}
	facts := []diag.Fact{{Name: "api", Value: cmp.Or(api.BaseURL, tsapi.DefaultURL)}}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &diag.Problem{
			Code:    "not-trusted",
			Summary: "this machine does not trust the certificate of a server that tailjoin needs",
			Err:     err,
			Facts:   facts,
			Hint:    "if a proxy looks into TLS here, add its root certificate to this machine, or name it in the variable SSL_CERT_FILE",
		}
	}
	if answer, ok := errors.AsType[*tsapi.Error](err); ok && answer.Page {
		return webPage(err, facts)
	}
	if _, ok := errors.AsType[*retry.Later](err); ok {
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

func webPage(err error, facts []diag.Fact) error {
	return &diag.Problem{
		Code:    "web-page",
		Summary: "a web page came back instead of an answer of Tailscale's API",
		Err:     err,
		Facts:   facts,
		Hint: "a proxy, a firewall or a captive portal is between this machine and the API: let the job reach the address above,\n" +
			"or set HTTPS_PROXY to a proxy that does. If api-url or login-server is set, see that it is the API's address",
	}
}
