package sts

import (
	"errors"
	"testing"

	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
	"tailscale.com/ipn"
	"tailscale.com/ipn/ipnstate"
)

// docs/errors.md shows the problems of this package as they are rendered here.
func TestErrorsPage_showsWhatIsRendered(t *testing.T) {
	diagtest.Samples(t, "sts",
		notJoined(errors.New("invalid key: API key does not exist")), // control's words
		noHostNode("", errors.New("its state is Stopped")),
		noCertificate(),
		noFunnel(ipn.NodeCanFunnel(&ipnstate.PeerStatus{})),
		cannotListen("127.0.0.1:9464", errors.New("listen tcp 127.0.0.1:9464: bind: address already in use")),
	)
}
