package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/join"
	"github.com/tailjoin/tailjoin/internal/namespace"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/spec"
	"github.com/tailjoin/tailjoin/internal/specs"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// A named is the spec that the inputs name, and what they said beside it.
type named struct {
	spec.Spec
	said spec.Said
}

// useSpec fills the inputs from the spec that they name, if they name one. What
// they say themselves stays. As far as the environment tells that this job may
// not use the spec, it is refused here, before anybody is asked anything.
func (f *front) useSpec(ctx context.Context, in *inputs) error {
	if in.spec == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, in.timeout)
	defer cancel()
	places, err := f.places(in)
	if err != nil {
		return err
	}
	found, err := specs.Find(ctx, in.spec, places...)
	if err != nil {
		return err
	}
	if err := found.Allow.Check(in.spec, f.knownJob()); err != nil {
		return err
	}
	in.named = &named{found, spec.Said{ClientID: in.oauthClientID, Audience: in.audience, Tailnet: in.expectedTailnet}}
	in.fillFrom(found, spec.Naming{Repository: f.job.Repository, Run: f.job.Run, Job: f.job.Step})
	f.log(in.logMode).Info(fmt.Sprintf("using the spec %s: %s with %s", in.spec, found.ClientID, strings.Join(found.Tags, ", ")))
	return nil
}

// places are where this job looks for specs, in order.
func (f *front) places(in *inputs) (places []specs.Place, err error) {
	if !in.specs.IsZero() {
		places = append(places, specs.Passed(in.specs))
	}
	places = append(places, specs.File(in.specFile).Place())
	if !namespace.Inside(f.env) {
		return places, nil
	}
	client, err := f.namespaceClient()
	if err != nil {
		return nil, err
	}
	return append(places, specs.Namespace(client).Place()), nil
}

// namespaceClient speaks for this machine, or for whoever called `nsc login`.
func (f *front) namespaceClient() (*namespace.Client, error) {
	client := &namespace.Client{URL: namespace.Endpoint(f.env), TokenFile: namespace.TokenFile(f.env), UserAgent: "tailjoin/" + f.Version}
	if err := tsapi.CheckURL(client.URL); err != nil {
		return nil, badAddress("NSC_IAM_ENDPOINT", client.URL, err)
	}
	return client, nil
}

// badAddress refuses one that a token would be sent to.
func badAddress(name, address string, err error) error {
	return diag.Input(fmt.Sprintf("%s cannot be %q", name, address), err.Error())
}

// knownJob is what this job's variables say that its ID token will say too.
func (f *front) knownJob() spec.Job {
	j := spec.Job{Repository: f.job.Claimed, Source: "the job's variables", Part: true}
	if f.job.Claimed != "" { // else its tokens name no ref either
		j.Ref = f.job.Ref
	}
	return j
}

// fillFrom takes from a spec what was not said.
func (in *inputs) fillFrom(s spec.Spec, naming spec.Naming) {
	in.oauthClientID = s.ClientWith(in.oauthClientID)
	in.audience = cmp.Or(in.audience, s.Audience)
	in.expectedTailnet = cmp.Or(in.expectedTailnet, s.Tailnet)
	in.tags = cmp.Or(in.tags, strings.Join(s.Tags, ","))
	in.hostname = cmp.Or(in.hostname, naming.Expand(s.Hostname))
	in.waitFor = cmp.Or(in.waitFor, strings.Join(s.WaitFor, ","))
	in.exitNode = cmp.Or(in.exitNode, s.ExitNode)
	in.acceptRoutes = cmp.Or(in.acceptRoutes, s.AcceptRoutes)
	in.acceptDNS = cmp.Or(in.acceptDNS, s.DNS())
}

// withinSpec refuses inputs, flags in args among them, that go beyond the spec.
func withinSpec(in *inputs, r *join.Request) error {
	if in.named == nil {
		return nil
	}
	said := in.named.said
	said.Tags = r.Tags
	if !in.authKey.IsZero() {
		said.OtherWays = append(said.OtherWays, "authkey")
	}
	if !in.oauthSecret.IsZero() {
		said.OtherWays = append(said.OtherWays, "oauth-secret")
	}
	return in.named.Within(in.spec, said)
}

// admit compares the claims of this job's ID token with what the spec allows,
// before anything is started. The token is the one that the join begins with.
func (f *front) admit(ctx context.Context, in *inputs, identity join.Identity, d *join.Deps) error {
	if in.named == nil || in.named.Allow.IsZero() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, in.timeout)
	defer cancel()
	token, err := retry.Do(ctx, f.again, func(ctx context.Context) (idtoken.Token, error) { return d.IDToken(ctx, identity.Audience) })
	if err != nil {
		return fmt.Errorf("asking for an ID token: %w", err)
	}
	f.mask(token.Text)
	if err := in.named.Allow.Check(in.spec, spec.JobOf(token.Claims.All)); err != nil {
		return err
	}
	d.IDToken = first(token, d.IDToken)
	return nil
}

// first gives a token that is there already, once.
func first(token idtoken.Token, next func(context.Context, string) (idtoken.Token, error)) func(context.Context, string) (idtoken.Token, error) {
	given := false
	return func(ctx context.Context, audience string) (idtoken.Token, error) {
		if given {
			return next(ctx, audience)
		}
		given = true
		return token, nil
	}
}
