package captures_test

import (
	"fmt"
	"testing"

	"github.com/tailjoin/tailjoin/internal/captures"
)

// The local tailnet takes the policies that Tailscale takes.
func TestLocalTailnet_verdicts(t *testing.T) {
	compare(t, map[string]string{}, func(c *captures.Capture) (string, bool) {
		_, err := judged(c)
		if (err == nil) != (c.Refusal == "") {
			return fmt.Sprintf("Tailscale says %q, the local tailnet %v\n%s", c.Refusal, err, c.Policy), true
		}
		return "", true
	})
}

// What it refuses it refuses in Tailscale's words.
func TestLocalTailnet_refusals(t *testing.T) {
	compare(t, map[string]string{
		"nodeattrs-error-e3-autogroup-self": "Tailscale's answer is status 500, and names nothing",
		"ssh-e1":                            "the domain in the answer was rewritten after the capture",
		"ssh-group-nested-cycle":            "of two groups that are wrong, Tailscale names the other",
		"ssh-group-nested-three-deep":       "of two groups that are wrong, Tailscale names the other",
	}, func(c *captures.Capture) (string, bool) {
		_, err := judged(c)
		if c.Refusal == "" || err == nil {
			return "", false
		}
		if err.Error() != c.Refusal {
			return fmt.Sprintf("Tailscale says %q, the local tailnet %q", c.Refusal, err), true
		}
		return "", true
	})
}
