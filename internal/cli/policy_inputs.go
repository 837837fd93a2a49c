package cli

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/github"
	"github.com/tailjoin/tailjoin/internal/join"
	"github.com/tailjoin/tailjoin/internal/lazy"
	"github.com/tailjoin/tailjoin/internal/policy"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// policyInputs are those of the verbs of policy. What
// tailscale/gitops-acl-action calls an input has the same name and meaning here.
type policyInputs struct {
	inputs
	tailnet, file       string
	apiKey, githubToken secret.Text
	action              string
	failOnEdits         bool
	allowLockout        bool
	comment             bool
	lastApplied         keeping
	diffTo              string
	check               bool
}

// flags are the inputs of a verb; those of the verb action are all.
func (in *policyInputs) flags(verb string, fs *flag.FlagSet) {
	fs.StringVar(&in.file, "policy-file", policy.DefaultPath, "policy file; or a folder, whose files *.hujson are joined to one policy")
	if verb == "action" {
		fs.Var(choice{&in.action, []string{"test", "apply", "diff", "pull", "format"}}, "action", "what to do: test or apply; or diff, pull or format")
	}
	if verb == "action" || verb == "format" {
		fs.Var(boolean{&in.check}, "check", "format: change nothing, and fail if there is something to change")
	}
	if verb != "format" {
		in.tailnetFlags(fs)
	}
}

func (in *policyInputs) tailnetFlags(fs *flag.FlagSet) {
	in.idToken(fs)
	in.api(fs)
	fs.StringVar(&in.tailnet, "tailnet", "", "name of the tailnet; empty is that of the credential")
	fs.Var(hidden{&in.apiKey}, "api-key", "API key of a person, or file:PATH, instead of an ID token; it may do all that its owner may")
	fs.Var(boolean{&in.failOnEdits}, "fail-on-manual-edits", "fail, instead of a warning, if the live policy was changed elsewhere and the file would undo that")
	fs.Var(boolean{&in.allowLockout}, "allow-lockout", "apply also a policy that takes from the credential that applies it tags that it may give")
	fs.Var(&in.lastApplied, "last-applied", "where the version last applied is remembered: auto, variable or variable:NAME (of the GitHub repository), file:PATH or none; "+
		"auto is a variable if the token may have one, else the file "+policy.DefaultFile)
	in.comment = true
	fs.Var(boolean{&in.comment}, "comment", "show the change, and who loses and gains by it, in a comment on the pull request, too")
	fs.Var(hidden{&in.githubToken}, "github-token", "token for GitHub's API, or file:PATH; empty is GH_TOKEN or GITHUB_TOKEN")
	fs.StringVar(&in.diffTo, "diff-to", "", "file to write the change to; empty is one in the job's directory for temporary files, and none outside of a job")
	in.timeout = 5 * time.Minute
	fs.Var(duration{&in.timeout}, "timeout", "time limit of it all, such as 90s or 2m")
}

// A keeping says where the version last applied is remembered.
type keeping struct{ kind, name string } // kind "" is auto

// policyVariable is the one that is not named.
const policyVariable = "TAILJOIN_POLICY_ETAG"

func (k *keeping) Set(value string) error {
	kind, name, named := strings.Cut(value, ":")
	switch {
	case kind == "auto" && !named, kind == "none" && !named, kind == "variable" && !named:
	case kind == "variable" && variableNames.Matches(name) && !strings.HasPrefix(strings.ToUpper(name), "GITHUB_"):
	case kind == "file" && name != "":
	default:
		return errors.New("must be auto, variable, variable:NAME, file:PATH or none; a NAME has letters, digits and _")
	}
	*k = keeping{strings.TrimPrefix(kind, "auto"), strings.ToUpper(name)}
	if kind == "file" {
		k.name = name
	}
	return nil
}

func (k *keeping) String() string {
	if k == nil || k.kind == "" {
		return "auto"
	}
	return strings.TrimSuffix(k.kind+":"+k.name, ":")
}

const (
	variableNames lazy.Pattern = `^[A-Za-z_][A-Za-z0-9_]*$`
	tailnetNames  lazy.Pattern = `^([A-Za-z0-9][A-Za-z0-9._@+-]*|-)$`
)

// checkAll looks at what needs no other place.
func (in *policyInputs) checkAll() error {
	switch {
	case in.tailnet != "" && !tailnetNames.Matches(in.tailnet):
		return diag.Input(fmt.Sprintf("input tailnet cannot be %q", in.tailnet), "write it as the admin console does, under General: example.com; or - for that of the credential")
	case in.failOnEdits && in.lastApplied.kind == "none":
		return diag.Input("fail-on-manual-edits needs to know what was last applied", "leave last-applied out, or say where that is remembered")
	}
	return nil
}

// policyAccess is who asks: the job's own identity, an OAuth client or a person.
func (f *front) policyAccess(in *policyInputs) (access.Request, error) {
	if in.apiKey.IsZero() {
		r, err := f.accessRequest(&in.inputs)
		if err == nil {
			r.API.Tailnet = in.tailnet
		}
		return r, err
	}
	f.mask(in.apiKey)
	if ways := in.ways(); len(ways) > 0 {
		return access.Request{}, diag.Input("there are two ways to prove who this job is: api-key and "+strings.Join(ways, " and "), "give one of them; best oauth-client-id alone, which stores no secret")
	}
	if err := checkServers(&in.inputs, &join.Request{}); err != nil {
		return access.Request{}, err
	}
	api := &tsapi.Client{BaseURL: in.apiBase(), Tailnet: in.tailnet, UserAgent: "tailjoin/" + f.Version}
	return access.Request{APIKey: in.apiKey, API: api, Mask: f.mask, Again: f.again}, nil
}

// policyMemory is where the version last applied is remembered.
func (f *front) policyMemory(in *policyInputs) (policy.Memory, error) {
	switch k := in.lastApplied; k.kind {
	case "none":
		return policy.Nowhere(), nil
	case "variable":
		return f.policyVariable(in)
	default:
		file := policy.InFile(cmp.Or(k.name, policy.DefaultFile))
		variable, err := f.policyVariable(in)
		if k.kind == "file" || err != nil { // there is no GitHub here
			return file, nil
		}
		return policy.Either(variable, file, func(why string) { f.log("").Info(why) }), nil
	}
}

func (f *front) policyVariable(in *policyInputs) (policy.Memory, error) {
	if f.job.Platform != "github" {
		return policy.Memory{}, diag.Input("last-applied can be a variable in a job of GitHub only", "give last-applied: file:PATH")
	}
	place, err := github.InRepo(f.job.Repository, "")
	if err != nil {
		return policy.Memory{}, err
	}
	client, err := f.github(in.githubToken)
	if err != nil {
		return policy.Memory{}, err
	}
	return policy.InVariable(client, place, cmp.Or(in.lastApplied.name, policyVariable)), nil
}
