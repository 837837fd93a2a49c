package localtailnet

import (
	"cmp"
	"log"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/logger"
)

// Options shape a tailnet. The zero value is a tailnet on 127.0.0.1 that adds
// no delay.
type Options struct {
	Listen  string // IPv4 address of every listener; "" is 127.0.0.1
	Name    string // name of the tailnet in the API's paths; "" is tailjoin.example
	Domain  string // MagicDNS suffix; "" is tail10ca1.ts.net
	Logf    logger.Logf
	Latency time.Duration // added to every round trip to control, API, issuer, DERP and packages

	// UserDomains are the domains of the tailnet's users, besides Name. A policy may
	// use user:*@DOMAIN and localpart:*@DOMAIN only with these.
	UserDomains []string

	// DeviceApproval keeps a node out until somebody approves it, unless its
	// key was preauthorized.
	DeviceApproval bool
	// AutoApproveRoutes lets nodes be the exit nodes and subnet routers that
	// they advertise to be.
	AutoApproveRoutes bool
	// Funnel lets nodes publish on the internet, which is a peer here.
	Funnel bool
	// EphemeralTimeout is how long an ephemeral node that vanished is kept.
	// Zero means 30 seconds.
	EphemeralTimeout time.Duration
	// TokenLifetime is how long an API access token is good. Zero means an hour.
	TokenLifetime time.Duration

	// PackagesDir is where the package server keeps its archives; it is empty
	// until Packages().Add. "" means no package server.
	PackagesDir string
	// Bandwidth is how fast an archive is served, in bytes per second. Zero is
	// as fast as can be.
	Bandwidth int64

	// SplitDNS are DNS servers by the domain that nodes ask them about.
	SplitDNS map[string][]string

	// Grants returns the app capabilities that src holds at dst; WhoIs shows
	// them there. Nil grants none. It must not call methods of the Tailnet.
	Grants func(src, dst Node) tailcfg.PeerCapMap
}

func (o Options) withDefaults() Options {
	o.Listen = cmp.Or(o.Listen, "127.0.0.1")
	o.Name = cmp.Or(o.Name, "tailjoin.example")
	o.Domain = cmp.Or(o.Domain, "tail10ca1.ts.net")
	o.EphemeralTimeout = cmp.Or(o.EphemeralTimeout, 30*time.Second)
	o.TokenLifetime = cmp.Or(o.TokenLifetime, time.Hour)
	if o.Logf == nil {
		o.Logf = logger.Discard
	}
	if o.Grants == nil {
		o.Grants = func(Node, Node) tailcfg.PeerCapMap { return nil }
	}
	return o
}

// log is where net/http complains.
func (o Options) log() *log.Logger {
	return log.New(logger.FuncWriter(o.Logf), "", 0)
}
