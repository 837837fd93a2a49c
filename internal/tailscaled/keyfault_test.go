package tailscaled

import (
	"strings"
	"testing"
)

func TestLoginError_saysWhatIsWrongWithTheKey(t *testing.T) {
	for said, want := range map[string]string{
		"invalid key: API key does not exist": "knows no such auth key",
		"invalid key: API key ID not valid":   "used up",
		"invalid pre auth key":                "may be used up, expired, revoked",
	} {
		if got := (&LoginError{said}).AboutKey(); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", said, got, want)
		}
	}
}
