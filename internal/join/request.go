// Package join puts this job on a tailnet and takes it off again.
//
// Run and Leave are processes of their own: between them there is only a
// directory, the session. What Run makes it writes down there before it makes
// it, so that Leave can undo it whenever and however Run ended.
package join

import (
	"context"
	"log/slog"
	"time"

	"github.com/tailjoin/tailjoin/internal/diagnosis"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/tailscaled"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// A Request is all that a join needs to know. It was checked before.
type Request struct {
	Dir      string // of the session: short, this user's alone; made if it is not there
	Identity Identity
	// TrustedParent is the temporary directory that the platform gave this job,
	// "" if it gave none. If the job is root, its owner may own directories
	// above the session.
	TrustedParent string
	Tags          []string

	Install  tailscaled.Install
	Network  tailscaled.Wish
	Up       tailscaled.Up    // the daemon's preferences, complete
	StateDir string           // "" keeps the node's key in memory
	Flags    tailscaled.Flags // the user's own
	Env      []string         // what the daemon inherits: NAME=VALUE, no secret
	Debug    bool

	Ping    []string // peers that must answer
	WaitFor []string // host:port that must accept a connection
	Tailnet string   // the tailnet that is expected; "" is any

	Timeout time.Duration // for everything
}

// An Identity is how the job proves who it is. Exactly one of ClientID with
// an empty Secret, Secret, and AuthKey is set.
type Identity struct {
	AuthKey secret.Text // somebody else minted it

	ClientID string      // of the trust credential
	Audience string      // that the ID token is asked for
	Secret   secret.Text // of an OAuth client, instead of an ID token

	Ephemeral     bool // the node goes when it has been away for a while
	Preauthorized bool // no administrator needs to approve it
}

// isKnownToAPI reports whether Tailscale's API can be asked for an access token
// for the identity. A bearer of an auth key is unknown there.
func (i Identity) isKnownToAPI() bool { return i.ClientID != "" || !i.Secret.IsZero() }

// Deps are the doors that a verb goes through.
type Deps struct {
	IDToken func(ctx context.Context, audience string) (idtoken.Token, error)
	Mask    func(secret.Text)      // called with every secret when it is made
	Path    func(dir string) error // puts dir on the PATH of later steps
	API     *tsapi.Client
	Job     diagnosis.Job // to explain a refused identity
	Self    string        // this program
	Log     *slog.Logger
}

// A Result is a job that is on its tailnet.
type Result struct {
	Node   tailscaled.Node
	Claims idtoken.Claims // of the ID token, if there was one
	Binary tailscaled.Binary
	Socket string // of the LocalAPI
	Proxy  string // host:port of the SOCKS5 and HTTP proxy; "" with a network interface
	TUN    bool
	Phases []Phase
}
