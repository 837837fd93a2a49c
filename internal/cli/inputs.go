package cli

import (
	"flag"
	"time"

	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/specs"
)

// inputs are all that a user can say. They are declared once: as flags, which
// are the action's inputs and the TAILJOIN_* variables too. What
// tailscale/github-action calls an input has the same name and meaning here.
type inputs struct {
	oauthClientID, audience string
	oauthSecret, authKey    secret.Text
	tags, hostname          string

	spec, specFile string
	specs          secret.Text // the workflow's variables: they are not ours to show
	named          *named      // what spec names, once it was found

	idTokenSource, idTokenBody, idTokenKey string
	idTokenHeaders                         secret.Text
	givenToken                             secret.Text // --id-token in args
	stsURL, stsAudience                    string

	ping, waitFor   string
	exitNode        string
	acceptRoutes    *bool // nil: nobody said
	acceptDNS       *bool
	timeout         time.Duration
	expectedTailnet string

	network, netfilter   string
	args, tailscaledArgs string
	stateDir             string
	loginServer, apiURL  string

	install, tailscalePath, version string
	sha256sum                       string
	mirror, mirrorKey               string
	useCache                        bool
	bundle                          string

	logMode  string
	retry    int
	session  string
	envFile  string
	proxyEnv bool
}

// idToken are the inputs by which a job gets an ID token.
func (in *inputs) idToken(fs *flag.FlagSet) {
	fs.Var(orFile{&in.oauthClientID}, "oauth-client-id", "client ID of the trust credential (federated identity), or of the OAuth client")
	fs.StringVar(&in.audience, "audience", "", "audience of the ID token; empty is api.tailscale.com/CLIENT-ID")
	fs.StringVar(&in.idTokenSource, "id-token-source", "", "where the ID token comes from: gitlab, aws …, env:NAME, file:PATH, url:URL or command:WORDS; empty detects it")
	fs.Var(hidden{&in.idTokenHeaders}, "id-token-headers", "headers for a source that is a URL, one a line: Authorization: Bearer ${MY_TOKEN}")
	fs.StringVar(&in.idTokenBody, "id-token-body", "", "body for a source that is a URL, which is then asked with POST")
	fs.StringVar(&in.idTokenKey, "id-token-key", "", "JSON key of the token in an answer, such as data.token; empty tries the usual ones")
	fs.StringVar(&in.stsURL, "sts-url", "", "token service on the tailnet (tailjoin-sts, or tsiam), for the source sts and for sts-audience: https://sts.TAILNET.ts.net")
}

// api are the inputs that say where Tailscale's API is, and who asks it if not
// the bearer of an ID token.
func (in *inputs) api(fs *flag.FlagSet) {
	fs.Var(hidden{&in.oauthSecret}, "oauth-secret", "secret of an OAuth client, or file:PATH, instead of an ID token")
	fs.StringVar(&in.apiURL, "api-url", "", "Tailscale's API, if not at the login server or https://api.tailscale.com")
	fs.StringVar(&in.loginServer, "login-server", "", "control server, if not Tailscale's")
}

// access are the inputs by which a process speaks to Tailscale's API, and
// those of a session.
func (in *inputs) access(fs *flag.FlagSet) {
	in.idToken(fs)
	in.api(fs)
	fs.StringVar(&in.args, "args", "", "further flags of tailscale up")
	fs.StringVar(&in.session, "session", "", "directory that remembers what to undo; empty is one for this user")
	fs.StringVar(&in.envFile, "env-file", "", "file that later commands source: outputs, proxies and PATH are added to it; empty is CircleCI's own, or none")
}

// bySpec are the inputs that name a spec, and where it is.
func (in *inputs) bySpec(fs *flag.FlagSet) {
	fs.StringVar(&in.spec, "spec", "", "named spec, which says who the job is, its tags and more")
	fs.StringVar(&in.specFile, "spec-file", specs.DefaultFile, "file in which the spec is looked for")
	fs.Var(hidden{&in.specs}, "specs", "the workflow's variables as JSON, for a spec that is kept there: toJSON(vars)")
}

// join are the inputs of `tailjoin join`, which are the action's.
func (in *inputs) join(fs *flag.FlagSet) {
	in.access(fs)
	in.bySpec(fs)
	fs.Var(hidden{&in.authKey}, "authkey", "auth key that somebody else minted, or file:PATH, instead of an ID token")
	fs.StringVar(&in.tags, "tags", "", "comma-separated tags of the node: tag:ci,tag:deploy")
	fs.StringVar(&in.hostname, "hostname", "", "name of the node; empty names repository, run and job")

	fs.StringVar(&in.ping, "ping", "", "comma-separated peers, by name or address, that must answer before the step ends")
	fs.StringVar(&in.waitFor, "wait-for", "", "comma-separated host:port that must accept a connection before the step ends")
	fs.StringVar(&in.exitNode, "exit-node", "", "peer that carries all traffic: name, address or auto:any; needs a network interface, unless network is userspace")
	fs.Var(decision{&in.acceptRoutes}, "accept-routes", "use the subnet routes that peers offer: true or false; empty is what the spec says, or true")
	fs.Var(decision{&in.acceptDNS}, "accept-dns", "use the tailnet's DNS, MagicDNS among it: true or false; empty is what the spec says, or true")
	in.timeout = 2 * time.Minute
	fs.Var(duration{&in.timeout}, "timeout", "time limit of the whole join, such as 90s or 2m")
	fs.StringVar(&in.expectedTailnet, "expected-tailnet", "", "fail if the credential belongs to another tailnet than this")
	fs.StringVar(&in.stsAudience, "sts-audience", "", "comma-separated audiences: once joined, get a token of the service at sts-url for each")

	in.network, in.netfilter = "auto", "auto"
	fs.Var(choice{&in.network, []string{"auto", "tun", "userspace"}}, "network", "auto, tun (a network interface, or fail) or userspace (proxies only)")
	fs.Var(choice{&in.netfilter, []string{"auto", "on", "off"}}, "netfilter", "auto, on or off: packet filter rules of the host; auto has them for an exit node only")
	fs.Var(boolean{&in.proxyEnv}, "proxy-env", "without a network interface, set ALL_PROXY, HTTP_PROXY, HTTPS_PROXY and NO_PROXY for later steps")
	fs.StringVar(&in.tailscaledArgs, "tailscaled-args", "", "further flags of tailscaled")
	fs.StringVar(&in.stateDir, "statedir", "", "directory that keeps the node's key; empty keeps it in memory")

	in.install = "auto"
	fs.Var(choice{&in.install, []string{"auto", "bundled", "download", "never"}}, "install", "where tailscaled comes from: auto, bundled, download or never")
	fs.StringVar(&in.tailscalePath, "tailscale-path", "", "directory of a tailscaled and tailscale to use")
	fs.StringVar(&in.version, "version", "", "version of Tailscale: 1.102.5, 1.102, latest or unstable; empty is the bundled one")
	fs.StringVar(&in.sha256sum, "sha256sum", "", "SHA-256 of the archive to download")
	fs.StringVar(&in.mirror, "mirror", "", "package server with the layout of pkgs.tailscale.com")
	fs.StringVar(&in.mirrorKey, "mirror-key", "", "file with the root keys (PEM) of a mirror that signs for itself")
	in.useCache = true
	fs.Var(boolean{&in.useCache}, "use-cache", "keep what was unpacked or downloaded in the runner's tool cache")
	fs.StringVar(&in.bundle, "bundle", "", "directory of the bundled tailscaled; the action sets it")

	in.logMode, in.retry = "grouped", 5
	fs.Var(choice{&in.logMode, []string{"grouped", "normal", "quiet"}}, "log-mode", "grouped, normal or quiet")
	fs.Var(count{&in.retry}, "retry", "accepted and checked; what can change is tried again within timeout")
}

// plumbing are the inputs that scripts/run.sh sets, and no user of the action.
var plumbing = map[string]bool{"session": true, "bundle": true, "env-file": true}
