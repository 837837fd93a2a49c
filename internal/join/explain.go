package join

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/tailscaled"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

const credentials = "https://login.tailscale.com/admin/settings/trust-credentials"

// refusal is the API's answer, if that is what err is: one that another try
// does not change.
func refusal(err error) (*tsapi.Error, bool) {
	answer, ok := errors.AsType[*tsapi.Error](err)
	return answer, ok && answer.Status/100 == 4 && answer.Status != 429
}

// explainExchange says what the trust credential must hold. Tailscale does not
// say which claim it did not like, so the reader gets all that it looks at.
func explainExchange(err error, c idtoken.Claims, i Identity) error {
	err = fmt.Errorf("exchanging ID token: %w", err)
	if _, ok := refusal(err); !ok {
		return err
	}
	hint := "the trust credential of that client must accept exactly this issuer, subject and audience\n" +
		"(a * in its subject stands for any text), and meet each of its claim rules: " + credentials + "\n" +
		"RUNNER_DEBUG=1 shows all claims of this job"
	if old := nameOnly(c.Subject); old != "" {
		hint += "\nthis subject has the immutable form, with numbers: a rule such as\n  " + old + "\ndoes not match it"
	}
	return problem("wif-refused", "Tailscale refused this job's identity", hint, err,
		diag.Fact{Name: "issuer", Value: c.Issuer},
		diag.Fact{Name: "subject", Value: c.Subject},
		diag.Fact{Name: "audience", Value: strings.Join(c.Audience, ", ")},
		diag.Fact{Name: "client", Value: i.ClientID})
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

// explainSilence is about a server that failed each time it was asked.
func (j *joining) explainSilence(err error) error {
	if _, ok := errors.AsType[*retry.Later](err); !ok {
		return err
	}
	return problem("not-answering", "a server that the join needs keeps failing",
		"see whether this machine reaches it, and what https://status.tailscale.com and https://www.githubstatus.com say",
		err, diag.Fact{Name: "api", Value: cmp.Or(j.API.BaseURL, tsapi.DefaultURL)})
}

func explainSecret(err error) error {
	err = fmt.Errorf("asking for an access token: %w", err)
	if _, ok := refusal(err); !ok {
		return err
	}
	return problem("oauth-refused", "Tailscale refused the OAuth client's secret",
		"check oauth-secret, and that the client was not revoked: "+credentials, err)
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
		return tagsRefused(err, j.Tags, j.Identity.ClientID)
	case answer.Status == 401 || answer.Status == 403:
		return problem("scope-missing", "the trust credential may not create auth keys",
			"give it the scope auth_keys (\"Auth Keys: Write\"), with the tags of this job: "+credentials, err,
			diag.Fact{Name: "client", Value: j.Identity.ClientID},
			diag.Fact{Name: "scopes", Value: strings.Join(access.Scopes, " ")})
	default:
		return problem("key-refused", "Tailscale did not create an auth key", "its answer says why", err)
	}
}

func tagsRefused(err error, tags []string, client string) error {
	return problem("tags-not-permitted", "the credential may not give these tags",
		"add them to the credential, and see that the tailnet policy has them in tagOwners: "+credentials, err,
		diag.Fact{Name: "tags", Value: strings.Join(tags, ", ")}, diag.Fact{Name: "client", Value: client})
}

// explainLogin reads the control server's refusal. It has no code, only text.
func (j *joining) explainLogin(err error) error {
	refused, ok := errors.AsType[*tailscaled.LoginError](err)
	switch {
	case !ok:
		return err
	case strings.Contains(refused.Message, "requested tags"):
		return tagsRefused(err, j.Tags, j.Identity.ClientID)
	default:
		return problem("login-refused", "the control server refused this node",
			"if you gave authkey: it may be used up, expired or revoked", err)
	}
}

// timedOut adds what the daemon knows, if the join ended by its time limit.
func (j *joining) timedOut(ctx context.Context, err error) error {
	if !errors.Is(context.Cause(ctx), errTimeout) {
		return err
	}
	if _, ok := errors.AsType[*diag.Problem](err); ok {
		return err
	}
	p := problem("timeout", fmt.Sprintf("the tailnet was not usable within %v", j.Timeout),
		"raise timeout, or see above what was waited for", err)
	if j.session.Login { // before that the daemon has nothing to say
		p.Facts = j.daemon.Findings(ctx)
	}
	return p
}
