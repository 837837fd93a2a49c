package tailscaled

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/secret"
	"tailscale.com/ipn"
	"tailscale.com/net/netutil"
	"tailscale.com/types/opt"
	"tailscale.com/types/preftype"
)

// An Up is what flags of `tailscale up` ask for.
type Up struct {
	Prefs    ipn.MaskedPrefs
	ExitNode string // IP, name, or auto:any; a name is known only once the node runs
	Needs    string // the flag that asks for a feature which the small build lacks
	Firewall bool   // --netfilter-mode asks for the host's packet filter

	// Ways to log in. The secrets may be file:PATH.
	AuthKey, ClientSecret, IDToken secret.Text
	ClientID, Audience             string

	routes          string // of --advertise-routes
	asksForExitNode bool   // --advertise-exit-node
}

// A setting puts a flag's value into the preferences.
type setting struct {
	isBool bool
	needs  bool // the small build lacks it
	set    func(up *Up, value string) error
}

// settings are the flags of `tailscale up`. What asks for a login, or prints,
// has no meaning here and is taken without effect.
// Source: https://tailscale.com/kb/1241/tailscale-up.
var settings = map[string]setting{
	"accept-dns":                 prefBool(func(p *ipn.MaskedPrefs, on bool) { p.CorpDNS, p.CorpDNSSet = on, true }),
	"accept-routes":              prefBool(func(p *ipn.MaskedPrefs, on bool) { p.RouteAll, p.RouteAllSet = on, true }),
	"shields-up":                 prefBool(func(p *ipn.MaskedPrefs, on bool) { p.ShieldsUp, p.ShieldsUpSet = on, true }),
	"report-posture":             prefBool(func(p *ipn.MaskedPrefs, on bool) { p.PostureChecking, p.PostureCheckingSet = on, true }),
	"unattended":                 prefBool(func(p *ipn.MaskedPrefs, on bool) { p.ForceDaemon, p.ForceDaemonSet = on, true }),
	"snat-subnet-routes":         prefBool(func(p *ipn.MaskedPrefs, on bool) { p.NoSNAT, p.NoSNATSet = !on, true }),
	"exit-node-allow-lan-access": prefBool(func(p *ipn.MaskedPrefs, on bool) { p.ExitNodeAllowLANAccess, p.ExitNodeAllowLANAccessSet = on, true }),
	"stateful-filtering": prefBool(func(p *ipn.MaskedPrefs, on bool) {
		p.NoStatefulFiltering, p.NoStatefulFilteringSet = opt.NewBool(!on), true
	}),
	"ssh": needing(prefBool(func(p *ipn.MaskedPrefs, on bool) { p.RunSSH, p.RunSSHSet = on, true })),
	"advertise-connector": needing(prefBool(func(p *ipn.MaskedPrefs, on bool) {
		p.AppConnector.Advertise, p.AppConnectorSet = on, true
	})),
	"advertise-exit-node": needing(boolean(func(up *Up, on bool) error { up.asksForExitNode, up.Prefs.AdvertiseRoutesSet = on, true; return nil })),
	"advertise-routes":    needing(text(func(up *Up, v string) error { up.routes, up.Prefs.AdvertiseRoutesSet = v, true; return nil })),
	"advertise-tags":      text((*Up).advertiseTags),
	"netfilter-mode":      text((*Up).netfilterMode),
	"login-server":        text(func(up *Up, v string) error { up.Prefs.ControlURL, up.Prefs.ControlURLSet = v, true; return nil }),
	"hostname":            text(func(up *Up, v string) error { up.Prefs.Hostname, up.Prefs.HostnameSet = v, true; return nil }),
	"operator":            text(func(up *Up, v string) error { up.Prefs.OperatorUser, up.Prefs.OperatorUserSet = v, true; return nil }),
	"exit-node":           text(func(up *Up, v string) error { up.ExitNode = v; return nil }),
	"auth-key":            text(func(up *Up, v string) error { up.AuthKey = secret.New(v); return nil }),
	"authkey":             text(func(up *Up, v string) error { up.AuthKey = secret.New(v); return nil }),
	"client-id":           text(func(up *Up, v string) error { up.ClientID = v; return nil }),
	"client-secret":       text(func(up *Up, v string) error { up.ClientSecret = secret.New(v); return nil }),
	"audience":            text(func(up *Up, v string) error { up.Audience = v; return nil }),
	"id-token":            text(func(up *Up, v string) error { up.IDToken = secret.New(v); return nil }),

	"accept-risk":  text(nothing[string]),
	"timeout":      text(isDuration),
	"force-reauth": boolean(nothing[bool]),
	"host-routes":  boolean(hostRoutes),
	"json":         boolean(nothing[bool]),
	"qr":           boolean(nothing[bool]),
	"qr-format":    text(nothing[string]),
	"reset":        boolean(nothing[bool]),
}

func nothing[T any](*Up, T) error { return nil }

// isDuration: the input timeout bounds the join.
func isDuration(_ *Up, value string) error {
	_, err := time.ParseDuration(value)
	return err
}

func hostRoutes(_ *Up, on bool) error {
	if !on {
		return errors.New("only true is possible")
	}
	return nil
}

func text(set func(*Up, string) error) setting { return setting{set: set} }

func needing(s setting) setting { s.needs = true; return s }

func boolean(set func(*Up, bool) error) setting {
	return setting{isBool: true, set: func(up *Up, value string) error {
		on, err := strconv.ParseBool(value)
		if err != nil {
			return errors.New("true or false is wanted")
		}
		return set(up, on)
	}}
}

func prefBool(set func(*ipn.MaskedPrefs, bool)) setting {
	return boolean(func(up *Up, on bool) error { set(&up.Prefs, on); return nil })
}

// ParseUp reads flags of `tailscale up`: defaults, then the user's own, which win
// and of which none may stand there twice. An error names the flag.
func ParseUp(defaults, own []string) (Up, error) {
	var up Up
	for _, args := range [][]string{defaults, own} {
		if err := up.parse(args); err != nil {
			return Up{}, err
		}
	}
	return up, up.combine()
}

func (up *Up) parse(args []string) error {
	flags := flag.NewFlagSet("tailscale up", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	for name, s := range settings {
		define(flags, name, s, up)
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is no flag of `tailscale up`", flags.Arg(0))
	}
	return nil
}

// combine is about flags that depend on one another.
func (up *Up) combine() (err error) {
	if up.Prefs.ExitNodeAllowLANAccess && up.ExitNode == "" {
		return errors.New("--exit-node-allow-lan-access can only be used with --exit-node")
	}
	up.Prefs.AdvertiseRoutes, err = netutil.CalcAdvertiseRoutes(strings.Join(splitList(up.routes), ","), up.asksForExitNode)
	return err
}

// isAsked reports whether a value asks for what a flag is for.
func isAsked(s setting, value string) bool {
	on, err := strconv.ParseBool(value)
	return value != "" && (!s.isBool || err != nil || on)
}

func define(flags *flag.FlagSet, name string, s setting, up *Up) {
	given := false
	set := func(value string) error {
		if given { // as tailscale refuses it
			return errors.New("the flag is given more than once")
		}
		if given = true; s.needs && isAsked(s, value) {
			up.Needs = name
		}
		return s.set(up, value)
	}
	if s.isBool {
		flags.BoolFunc(name, "", set)
	} else {
		flags.Func(name, "", set)
	}
}

func (up *Up) advertiseTags(value string) error {
	up.Prefs.AdvertiseTags, up.Prefs.AdvertiseTagsSet = splitList(value), true
	return nil
}

var netfilterModes = map[string]preftype.NetfilterMode{
	"on":       preftype.NetfilterOn,
	"nodivert": preftype.NetfilterNoDivert,
	"off":      preftype.NetfilterOff,
}

func (up *Up) netfilterMode(value string) error {
	mode, ok := netfilterModes[value]
	if !ok {
		return errors.New("on, nodivert or off is wanted")
	}
	up.Prefs.NetfilterMode, up.Prefs.NetfilterModeSet = mode, true
	up.Firewall = mode != preftype.NetfilterOff
	return nil
}

func splitList(value string) []string {
	var items []string
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
