package tailscaled

import "strings"

// keyFaults are what a control server's words about an auth key mean.
var keyFaults = []struct{ said, means string }{
	{"does not exist", "the control server knows no such auth key: it was not copied whole, was deleted, or belongs to another tailnet or login-server"},
	{"not valid", "the auth key is used up (one that is not reusable lets in one node), has expired or was revoked"},
	{"", "the auth key may be used up, expired, revoked or of another tailnet"},
}

// AboutKey says what is wrong with the auth key of a refused login, as far as the
// control server tells.
func (e *LoginError) AboutKey() string {
	for _, f := range keyFaults {
		if strings.Contains(e.Message, f.said) {
			return f.means
		}
	}
	return ""
}
