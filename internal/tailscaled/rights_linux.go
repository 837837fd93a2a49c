package tailscaled

import (
	"context"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// DefaultSocket is where `tailscale` looks for a daemon.
const DefaultSocket = "/var/run/tailscale/tailscaled.sock"

// tunName is the interface of a daemon of ours. It has Tailscale's own name
// because scripts know it; a second one is never made.
const tunName = "tailscale0"

// lockName is an abstract Unix socket. It belongs to a network namespace, as
// what it guards does, leaves no file, and is free when its holder is gone.
const lockName = "@tailjoin-tun"

// neighbour says which other tailscaled this machine has, "" if none.
func neighbour(ctx context.Context) string {
	if conn, err := dialSocket(ctx, DefaultSocket); err == nil {
		conn.Close()
		return "a tailscaled runs on this machine (" + DefaultSocket + " answers)"
	}
	if interfaces, err := net.Interfaces(); err == nil {
		for _, i := range interfaces {
			if strings.HasPrefix(i.Name, "tailscale") {
				return "a tailscaled runs on this machine (it has the interface " + i.Name + ")"
			}
		}
	}
	lock, err := net.Listen("unix", lockName)
	if err != nil {
		return "another join on this machine has the network interface"
	}
	lock.Close()
	return ""
}

func noDevice() string {
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		return "there is no /dev/net/tun"
	}
	return ""
}

// noTUN says why root may not make an interface, as in a container.
func noTUN() string {
	if reason := noDevice(); reason != "" {
		return reason
	}
	if !hasCapability(unix.CAP_NET_ADMIN) {
		return "root lacks the capability NET_ADMIN"
	}
	return cannotOpen()
}

// cannotOpen says why the device is of no use: a container may see it and must
// not open it, or the kernel has no driver for it. Opening makes nothing.
func cannotOpen() string {
	device, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		return "/dev/net/tun is of no use: " + err.Error()
	}
	device.Close()
	return ""
}

func hasCapability(capability int) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[capability/32].Effective&(1<<(capability%32)) != 0
}
