package idtoken

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"os"
	"runtime"

	"github.com/tailjoin/tailjoin/internal/diag"
	"tailscale.com/client/local"
	"tailscale.com/client/tailscale/apitype"
	"tailscale.com/paths"
)

// daemonSocket is where the machine's own tailscaled listens. TS_SOCKET is the
// variable of Tailscale's container image.
func daemonSocket(j job) string {
	return cmp.Or(j.Env("TS_SOCKET"), paths.DefaultTailscaledSocket())
}

func daemonMissing(j job) *diag.Problem {
	if runtime.GOOS == "windows" {
		return nil // a named pipe: only dialing it tells
	}
	if _, err := os.Stat(daemonSocket(j)); err != nil {
		return noToken("no tailscaled of this machine's own is there", "start it, or name its socket in TS_SOCKET", err)
	}
	return nil
}

// daemonToken asks the tailscaled of this machine for a token that says which
// node it is, for a machine that joins a second tailnet.
// Source: tailscale/tailscale, ipn/localapi (id-token).
func daemonToken(ctx context.Context, j job) (string, error) {
	daemon := &local.Client{Socket: daemonSocket(j), UseSocketOnly: j.Env("TS_SOCKET") != ""}
	address := "http://" + apitype.LocalAPIHost + "/localapi/v0/id-token?aud=" + url.QueryEscape(j.audience)
	return ask{url: address}.tokenFrom(ctx, &http.Client{CheckRedirect: stay, Transport: byDaemon{daemon}}, "id_token")
}

// byDaemon sends requests to the LocalAPI, with all that it wants to see.
type byDaemon struct{ *local.Client }

func (d byDaemon) RoundTrip(req *http.Request) (*http.Response, error) {
	return d.DoLocalRequest(req)
}
