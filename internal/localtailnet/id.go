package localtailnet

import "crypto/rand"

// newID makes an identifier of the form that Tailscale's have: a letter for
// the kind, eleven random characters, and the name of the control plane.
func newID(kind string) string {
	return kind + rand.Text()[:11] + "CNTRL"
}
