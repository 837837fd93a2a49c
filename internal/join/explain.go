package join

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/tailscaled"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// Pages of Tailscale's admin console.
const (
	credentials = "https://login.tailscale.com/admin/settings/trust-credentials"
	keys        = "https://login.tailscale.com/admin/settings/keys"
	policy      = "https://login.tailscale.com/admin/acls"
)

// refusal is the API's answer, if that is what err is: one that another try
// does not change.
func refusal(err error) (*tsapi.Error, bool) {
	answer, ok := errors.AsType[*tsapi.Error](err)
	return answer, ok && answer.Status/100 == 4 && answer.Status != 429
}

// explainExchange says what the trust credential must hold. Tailscale does not
// say which claim it did not like, so the reader gets all that it looks at.
func (j *joining) explainExchange(err error, c idtoken.Claims) error {
	err = fmt.Errorf("exchanging ID token: %w", err)
	answer, ok := refusal(err)
	switch {
	case !ok:
		return err
	case j.elsewhere(answer):
		return j.noExchange(err)
	}
	return problem("wif-refused", "Tailscale refused this job's identity", trustHint(c.Subject), err,
		diag.Fact{Name: "issuer", Value: c.Issuer},
		diag.Fact{Name: "subject", Value: c.Subject},
		diag.Fact{Name: "audience", Value: strings.Join(c.Audience, ", ")},
		diag.Fact{Name: "client", Value: j.Identity.ClientID})
}

func trustHint(subject string) string {
	hint := "open the trust credential of this client: " + credentials + "\n" +
		"Its issuer, subject and audience must be these, letter by letter (a * in its subject stands for any text).\n" +
		"If they are, one of its custom claim rules does not hold: run the job again with debug logging to see every claim."
	if old := nameOnly(subject); old != "" {
		hint += "\nThis subject has the immutable form, with numbers. A credential for the old form does not match it:\n" +
			"  " + old + "\nWrite the subject above instead."
	}
	return hint
}

// elsewhere holds for an API of the user's own that has no such call, as a
// control server that is not Tailscale's.
func (j *joining) elsewhere(answer *tsapi.Error) bool {
	return answer.Status == http.StatusNotFound && j.API.BaseURL != ""
}

func (j *joining) noExchange(err error) error {
	return problem("no-exchange", "this server gives no access tokens as Tailscale's API does",
		"give authkey, with a key that your control server made; or name the API of the tailnet with api-url",
		err, diag.Fact{Name: "api", Value: j.API.BaseURL})
}

// immutable is GitHub's subject for repositories made, renamed or moved since
// 15 July 2026: names with their numbers.
// Source: https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens
var immutable = regexp.MustCompile(`^repo:([^/@:]+)@\d+/([^/@:]+)@\d+:(.*)$`)

// nameOnly is the subject that the same job had in the old form, "" if it has
// that form.
func nameOnly(subject string) string {
	if !immutable.MatchString(subject) {
		return ""
	}
	return immutable.ReplaceAllString(subject, "repo:$1/$2:$3")
}

// explainSilence is about a server that could not be spoken to, each time it
// was tried.
func (j *joining) explainSilence(err error) error {
	api := diag.Fact{Name: "api", Value: cmp.Or(j.API.BaseURL, tsapi.DefaultURL)}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return problem("not-trusted", "this machine does not trust the certificate of a server that the join needs",
			"if a proxy looks into TLS here, add its root certificate to this machine, or name it in the variable SSL_CERT_FILE", err, api)
	}
	if _, ok := errors.AsType[*retry.Later](err); ok {
		return problem("not-answering", "a server that the join needs keeps failing",
			"see whether this machine reaches it, and what https://status.tailscale.com and https://www.githubstatus.com say",
			err, api)
	}
	return err
}

func (j *joining) explainSecret(err error) error {
	err = fmt.Errorf("asking for an access token: %w", err)
	answer, ok := refusal(err)
	switch {
	case !ok:
		return err
	case j.elsewhere(answer):
		return j.noExchange(err)
	}
	return problem("oauth-refused", "Tailscale refused the OAuth client's secret",
		"see that oauth-secret holds all of it, from tskey-client- on, and that the client is still there: "+credentials, err)
}

// explainKey tells a credential that may not make keys from one that may not
// give these tags.
func (j *joining) explainKey(err error, access tsapi.AccessToken) error {
	err = fmt.Errorf("creating auth key: %w", err)
	answer, ok := refusal(err)
	switch {
	case !ok:
		return err
	case answer.Status == 400 && strings.Contains(answer.Message, "tag"):
		return j.tagsRefused(err)
	case answer.Status == 401 || answer.Status == 403:
		return problem("scope-missing", "the trust credential may not create auth keys",
			"give it the scope auth_keys (\"Auth Keys: Write\"), with the tags of this job: "+credentials, err,
			j.client(),
			diag.Fact{Name: "scopes", Value: strings.Join(access.Scopes, " ")})
	default:
		return problem("key-refused", "Tailscale did not create an auth key",
			"the cause is its own answer; compare it with the credential: "+credentials, err, j.client(), j.tags())
	}
}

func (j *joining) tags() diag.Fact {
	return diag.Fact{Name: "tags", Value: strings.Join(j.Tags, ", ")}
}

func (j *joining) client() diag.Fact {
	return diag.Fact{Name: "client", Value: cmp.Or(j.Identity.ClientID, "that of oauth-secret")}
}

func (j *joining) tagsRefused(err error) error {
	return problem("tags-not-permitted", "the credential may not give these tags",
		"add them to the credential, and see that the tailnet policy has them in tagOwners:\n"+credentials+"\n"+policy, err,
		j.tags(), j.client())
}

// explainLogin reads the control server's refusal. It has no code, only text.
func (j *joining) explainLogin(err error) error {
	refused, ok := errors.AsType[*tailscaled.LoginError](err)
	if !ok {
		return err
	}
	aboutTags := strings.Contains(refused.Message, "requested tags")
	switch byKey := !j.Identity.AuthKey.IsZero(); {
	case aboutTags && byKey:
		return problem("tags-not-permitted", "the auth key may not give these tags",
			"leave out tags, since a node has those of its key; or make a key that has them: "+keys, err, j.tags())
	case aboutTags:
		return j.tagsRefused(err)
	case byKey:
		return problem("login-refused", "the control server refused this node",
			"the auth key may be used up, expired, revoked or of another tailnet: "+keys, err)
	default:
		return problem("login-refused", "the control server refused this node",
			"its key was made seconds ago, so it is the tailnet that says no. The cause is all it says; its log may say more:\n"+
				"https://login.tailscale.com/admin/logs", err, j.tags())
	}
}

// ended explains an end that came from outside: a cancel, or the time limit.
// What else failed then failed because of it.
func (j *joining) ended(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, context.Canceled):
		return problem("cancelled", "the join was cancelled", "there is nothing to do: what it had begun is undone, now or by the post step", cause)
	case errors.Is(cause, errTimeout):
		return j.timedOut(ctx, err)
	default:
		return err
	}
}

// timedOut adds what the daemon knows.
func (j *joining) timedOut(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*diag.Problem](err); ok {
		return err
	}
	p := problem("timeout", fmt.Sprintf("the tailnet was not usable within %v", j.Timeout),
		"the cause is what was waited for. If it was only slow, raise timeout. If it cannot work, the facts say why, or see\n"+
			"that this machine reaches the login server", err)
	if j.session.Login { // before that the daemon has nothing to say
		p.Facts = j.daemon.Findings(ctx)
	}
	return p
}
