package doctor

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/tailjoin/tailjoin/internal/retry"
	"tailscale.com/tailcfg"
)

// longestAnswer is more than a DERP map has.
const longestAnswer = 4 << 20

// getJSON asks a server of the tailnet for what everybody may know.
func getJSON(ctx context.Context, address string, v any) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return 0, retry.Network(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return res.StatusCode, fmt.Errorf("it answers with status %d", res.StatusCode)
	}
	return res.StatusCode, json.NewDecoder(io.LimitReader(res.Body, longestAnswer)).Decode(v)
}

const controlHint = "tailscaled must reach it: open port 443 to it, or set HTTPS_PROXY; behind a captive portal something else answers"

// control asks the control server for its public key, as every login begins.
func (r *Request) control(ctx context.Context) Check {
	const name = "control"
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := time.Now()
	var keys tailcfg.OverTLSPublicKeyResponse
	_, err := getJSON(ctx, fmt.Sprintf("%s/key?v=%d", r.Control, tailcfg.CurrentCapabilityVersion), &keys)
	switch {
	case err != nil:
		c := r.silent(name, err)
		c.Finding, c.Facts = r.Control+": "+c.Finding, nil // which name the API
		c.Hint = cmp.Or(map[bool]string{true: c.Hint}[c.Code == "not-trusted"], controlHint)
		return c
	case keys.PublicKey.IsZero():
		return Check{Name: name, Result: Failed, Finding: r.Control + " answers, but not as a control server", Hint: controlHint}
	}
	return ok(name, fmt.Sprintf("%s answers (%v)", r.Control, time.Since(began).Round(time.Millisecond)))
}
