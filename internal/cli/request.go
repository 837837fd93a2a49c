package cli

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kballard/go-shellquote"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/join"
	"github.com/tailjoin/tailjoin/internal/spec"
	"github.com/tailjoin/tailjoin/internal/tailscaled"
	"github.com/tailjoin/tailjoin/internal/tsapi"
	"tailscale.com/ipn"
	"tailscale.com/types/preftype"
)

// request checks all that the user said and turns it into what join needs.
func (f *front) request(ctx context.Context, in *inputs) (join.Request, error) {
	if err := join.CheckPlace(f.sessionDir(in), f.trustedParent()); err != nil {
		return join.Request{}, err
	}
	if err := f.useSpec(ctx, in); err != nil {
		return join.Request{}, err
	}
	r := join.Request{
		Dir:           f.sessionDir(in),
		TrustedParent: f.trustedParent(),
		Network:       wishes[in.network],
		StateDir:      in.stateDir,
		Env:           f.daemonEnv(),
		Debug:         f.job.Debug,
		Tailnet:       in.expectedTailnet,
		Timeout:       in.timeout,
	}
	for _, fill := range []func(*inputs, *join.Request) error{
		fillTags, fillTargets, fillSTS, f.fillUp, withinSpec, f.fillFlags, fillIdentity, f.useTags, checkServers, f.fillInstall,
	} {
		if err := fill(in, &r); err != nil {
			return join.Request{}, err
		}
	}
	return r, nil
}

var wishes = map[string]tailscaled.Wish{
	"auto": tailscaled.Any, "tun": tailscaled.WantTUN, "userspace": tailscaled.WantUserspace,
}

func fillTags(in *inputs, r *join.Request) (err error) {
	r.Tags, err = spec.Tags(in.tags)
	return err
}

func fillTargets(in *inputs, r *join.Request) (err error) {
	if r.Ping, err = spec.Peers(in.ping); err != nil {
		return err
	}
	r.WaitFor, err = spec.Targets(in.waitFor)
	return err
}

// fillUp makes the daemon's preferences: the inputs, then the user's own flags
// of `tailscale up`, which win.
func (f *front) fillUp(in *inputs, r *join.Request) error {
	words, err := shellquote.Split(in.args)
	if err != nil {
		return diag.Input("input args cannot be split into words", err.Error())
	}
	f.cutHostname(in)
	up, err := tailscaled.ParseUp(in.upFlags(spec.Label(f.job.Name)), words)
	if err != nil {
		return diag.Input("input args cannot be used", "write flags of `tailscale up`, such as --accept-routes --shields-up",
			diag.Fact{Name: "because", Value: err.Error()})
	}
	if name := up.Prefs.Hostname; name != "" { // else it is the machine's
		if err := spec.Hostname(name); err != nil {
			return err
		}
	}
	if up.Prefs.AdvertiseTagsSet { // by args, which win over the input
		if r.Tags, err = spec.Tags(strings.Join(up.Prefs.AdvertiseTags, ",")); err != nil {
			return err
		}
	}
	in.loginServer = up.Prefs.ControlURL // that of the input, or of args
	if up.Prefs.ControlURL == "" {
		up.Prefs.ControlURL, up.Prefs.ControlURLSet = ipn.DefaultControlURL, true
	}
	r.Up = withNetfilter(up, in.netfilter)
	return f.fillWays(in, up)
}

// cutHostname cuts the input hostname, as tailscale/github-action does.
func (f *front) cutHostname(in *inputs) {
	cut, wasLonger := spec.CutHostname(in.hostname)
	if wasLonger {
		f.log(in.logMode).Warn("the hostname " + in.hostname + " is longer than a DNS label may be; the node is called " + cut)
		in.hostname = cut
	}
}

// upFlags are the inputs that flags of `tailscale up` exist for. Tags are not
// among them: see useTags.
func (in *inputs) upFlags(name string) []string {
	flags := []string{
		fmt.Sprintf("--accept-routes=%t", orTrue(in.acceptRoutes)),
		fmt.Sprintf("--accept-dns=%t", orTrue(in.acceptDNS)),
		"--hostname=" + cmp.Or(in.hostname, name),
	}
	if in.loginServer != "" {
		flags = append(flags, "--login-server="+in.loginServer)
	}
	if in.exitNode != "" {
		flags = append(flags, "--exit-node="+in.exitNode)
	}
	return flags
}

// useTags has the node ask for no tags of its own: it has the tags of its auth
// key, and a control server may refuse a node that asks for tags with a tagged
// key (Headscale does). As for tailscale/github-action, the input tags is for a
// key that is made by the join; --advertise-tags in args is for any.
func (f *front) useTags(in *inputs, r *join.Request) error {
	byKey, inArgs := !r.Identity.AuthKey.IsZero(), r.Up.Prefs.AdvertiseTagsSet
	if byKey && !inArgs && len(r.Tags) > 0 {
		f.log(in.logMode).Info("the input tags is not used: with authkey a node has the tags of its key")
		r.Tags = nil
	}
	r.Up.Prefs.AdvertiseTags, r.Up.Prefs.AdvertiseTagsSet = nil, true
	if byKey {
		r.Up.Prefs.AdvertiseTags = r.Tags
	}
	return nil
}

// withNetfilter leaves the host's packet filter alone, unless the node routes
// other traffic than its own: the rules cost a join and a leave most of their
// time. docs/architecture.md says what is given up.
func withNetfilter(up tailscaled.Up, wish string) tailscaled.Up {
	if up.Prefs.NetfilterModeSet && wish == "auto" {
		return up
	}
	routes := up.ExitNode != "" || len(up.Prefs.AdvertiseRoutes) > 0
	up.Prefs.NetfilterMode, up.Prefs.NetfilterModeSet = preftype.NetfilterOff, true
	if wish == "on" || wish == "auto" && routes {
		up.Prefs.NetfilterMode = preftype.NetfilterOn
	}
	up.Firewall = wish == "on"
	return up
}

func (f *front) fillFlags(in *inputs, r *join.Request) error {
	words, err := shellquote.Split(in.tailscaledArgs)
	if err != nil {
		return diag.Input("input tailscaled-args cannot be split into words", err.Error())
	}
	r.Flags, err = tailscaled.ParseFlags(words)
	if err != nil {
		return diag.Input("input tailscaled-args cannot be used", "write flags of tailscaled, such as --verbose=1",
			diag.Fact{Name: "because", Value: err.Error()})
	}
	if r.Flags.Userspace {
		r.Network = tailscaled.WantUserspace
	}
	return f.fillStateDir(in, r)
}

// fillStateDir reads --statedir and --state of tailscaled-args as
// tailscale/github-action does: without the input statedir it keeps the node's
// key in memory, unless --state says otherwise.
func (f *front) fillStateDir(in *inputs, r *join.Request) error {
	switch flags := r.Flags; {
	case flags.KeyDir != "":
		r.StateDir = flags.KeyDir
	case flags.StateDir != "" && in.stateDir != "":
		r.StateDir = flags.StateDir
	case flags.StateDir != "":
		f.log(in.logMode).Info("--statedir in tailscaled-args does not keep the node's key, which stays in memory; the input statedir keeps it")
	}
	return nil
}

// checkServers is strict with an address that tokens go to: the API's, which is
// the login server's too if no other is named.
func checkServers(in *inputs, r *join.Request) error {
	login := spec.Server
	if in.apiURL == "" && r.Identity.AuthKey.IsZero() {
		login = tsapi.CheckURL
	}
	for _, s := range []struct {
		name, address string
		check         func(string) error
	}{
		{"api-url", in.apiURL, tsapi.CheckURL},
		{"login-server", in.loginServer, login},
	} {
		if err := s.check(s.address); s.address != "" && err != nil {
			return diag.Input(fmt.Sprintf("input %s cannot be %q", s.name, s.address), err.Error())
		}
	}
	return nil
}

func (f *front) fillInstall(in *inputs, r *join.Request) (err error) {
	mode, err := tailscaled.ParseMode(in.install)
	if err != nil {
		return err
	}
	r.Install = tailscaled.Install{
		Mode: mode, Path: in.tailscalePath, Version: in.version, SHA256: in.sha256sum, Full: r.Up.Needs != "", Needs: r.Up.Needs,
		BundleDir: cmp.Or(in.bundle, filepath.Dir(f.Self)), CacheDir: f.job.CacheDir, Mirror: in.mirror,
		SearchPath: filepath.SplitList(f.env("PATH")), HTTP: &http.Client{}, Log: f.log(in.logMode),
	}
	if !in.useCache {
		r.Install.CacheDir = filepath.Join(r.Dir, "cache")
	}
	if in.mirrorKey != "" {
		if r.Install.RootKey, err = os.ReadFile(in.mirrorKey); err != nil {
			return diag.Input("mirror-key cannot be read", err.Error())
		}
	}
	return r.Install.Check()
}

// passed are the variables of a job that a daemon inherits. Nothing else is:
// a job's environment holds tokens.
var passed = []string{
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy",
	"SSL_CERT_FILE", "SSL_CERT_DIR",
}

// daemonEnv is those, and tailscaled's own switches but for its secrets.
func (f *front) daemonEnv() []string {
	var env []string
	for _, entry := range f.Environ {
		name, _, _ := strings.Cut(entry, "=")
		isPassed := func(one string) bool { return sameVariable(one, name) }
		if slices.ContainsFunc(passed, isPassed) || strings.HasPrefix(name, "TS_") && !namesSecret(name) {
			env = append(env, entry)
		}
	}
	return env
}

func namesSecret(name string) bool {
	for _, word := range []string{"KEY", "SECRET", "TOKEN"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
