//go:build !linux

package tailscaled

import (
	"context"
	"runtime"

	"tailscale.com/paths"
)

// DefaultSocket is where `tailscale` looks for a daemon.
var DefaultSocket = paths.DefaultTailscaledSocket()

var tunName = map[string]string{"darwin": "utun", "windows": "Tailscale"}[runtime.GOOS]

// neighbour says which other tailscaled this machine has, "" if none.
func neighbour(ctx context.Context) string {
	if conn, err := dialSocket(ctx, DefaultSocket); err == nil {
		conn.Close()
		return "a tailscaled runs on this machine (" + DefaultSocket + " answers)"
	}
	return ""
}

func noDevice() string { return "" }
func noTUN() string    { return "" }
