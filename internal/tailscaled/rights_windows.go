package tailscaled

import (
	"context"

	"tailscale.com/paths"
)

// DefaultSocket is where `tailscale` looks for a daemon.
var DefaultSocket = paths.DefaultTailscaledSocket()

const tunName = "Tailscale"

// findNeighbour looks for another tailscaled on this machine.
func findNeighbour(ctx context.Context) neighbour {
	if conn, err := dialSocket(ctx, DefaultSocket); err == nil {
		conn.Close()
		return neighbour{reason: "a tailscaled runs on this machine (" + DefaultSocket + " answers)"}
	}
	return neighbour{}
}

// noDevice says why no daemon of ours can have a network interface.
func noDevice() string {
	return "on Windows only the service that Tailscale's installer brings has one"
}

func noTUN() string { return noDevice() }
