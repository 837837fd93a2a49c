//go:build unix

package join

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/tailscaled"
	"tailscale.com/health/healthmsg"
)

func TestCheckHealth_ofANodeThatIsOfNoUse(t *testing.T) {
	now := time.Date(2026, 8, 20, 2, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		node tailscaled.Node
		code string
		says string // a warning
	}{
		"healthy":                    {tailscaled.Node{Health: []string{healthmsg.WarnAcceptRoutesOff}}, "", ""},
		"locked out":                 {tailscaled.Node{Health: []string{"x", healthmsg.LockedOut}}, "locked-out", ""},
		"its key expires in an hour": {tailscaled.Node{KeyExpires: now.Add(time.Hour)}, "", "expires at 2026-08-20T03:00:00Z"},
		"its key expires in a week":  {tailscaled.Node{KeyExpires: now.Add(7 * 24 * time.Hour)}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			j := &joining{Deps: Deps{Log: slog.New(slog.NewTextHandler(&log, nil))}, result: Result{Node: c.node}}
			err := j.checkHealth(now)
			if code := ""; err != nil {
				if code = diag.As(err).Code; code != c.code {
					t.Errorf("got %v, want %q", err, c.code)
				}
			} else if c.code != "" {
				t.Errorf("no error, want %s", c.code)
			}
			if warned := strings.Contains(log.String(), "level=WARN"); warned != (c.says != "") || !strings.Contains(log.String(), c.says) {
				t.Errorf("log: %s; want %q", &log, c.says)
			}
		})
	}
}

func TestCheckTailnet_mindsNoCaseAndNoDotAtTheEnd(t *testing.T) {
	for expected, ok := range map[string]bool{
		"tail1234.ts.net": true, "Tail1234.TS.net": true, "tail1234.ts.net.": true, "acme.example": true, "ACME.example.": true, "tail1234": false, "example": false,
	} {
		j := joined("acme.example")
		j.Tailnet = expected
		if err := j.checkTailnet(); (err == nil) != ok {
			t.Errorf("%s: %v", expected, err)
		}
	}
}
