// Package azure keeps signing keys in an Azure Key Vault: as a secret, which is
// the ring itself, or as keys that sign in the vault and never leave it.
package azure

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/tailjoin/tailjoin/internal/diag"
)

// A Connection is a key vault, and who uses it.
type Connection struct {
	URL      string // https://NAME.vault.azure.net
	Identity Identity
	HTTP     *http.Client // nil is one of its own
}

// check fails for an address that cannot be a vault's.
func (c Connection) check() error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" {
		return diag.Input("the key vault has no usable address", "an address such as https://NAME.vault.azure.net is wanted, with nothing behind it",
			diag.Fact{Name: "vaultUrl", Value: c.URL})
	}
	return nil
}

// patience is for what nobody on the tailnet waits for. A machine without an
// identity would be asked for it for minutes.
const patience = 15 * time.Second

// most is how many connections to a vault there are. Whoever signs while all
// are busy waits for one.
const most = 100

// own is a client that goes nowhere else than it is told to.
func own() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxConnsPerHost, t.MaxIdleConnsPerHost = most, most
	// A connection on which nothing is heard any more is given up.
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 3 * time.Second, PingTimeout: 2 * time.Second}
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// options are those of every client of the SDK: what fails in a way that may
// pass is tried again, twice, within the time of one who waits for a token. A
// vault that asks for more patience than that is away.
func (c Connection) options() azcore.ClientOptions {
	if c.HTTP == nil {
		c.HTTP = own()
	}
	return azcore.ClientOptions{
		Transport: c.HTTP,
		Telemetry: policy.TelemetryOptions{ApplicationID: "tailjoin-sts"},
		Retry: policy.RetryOptions{
			MaxRetries: 2, RetryDelay: 200 * time.Millisecond, MaxRetryDelay: 2 * time.Second, TryTimeout: 3 * time.Second,
		},
	}
}

// client makes a client of the SDK, which new does.
func client[T any](c Connection, new func(string, azcore.TokenCredential, azcore.ClientOptions) (T, error)) (made T, err error) {
	if err := c.check(); err != nil {
		return made, err
	}
	o := c.options()
	who, err := c.Identity.credential(o)
	if err != nil {
		return made, fmt.Errorf("choosing an identity for the key vault: %w", err)
	}
	return new(c.URL, who, o)
}
