package tailscaled

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

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

func lookForNeighbour(ctx context.Context) neighbour {
	if conn, err := dialSocket(ctx, DefaultSocket); err == nil {
		conn.Close()
		return neighbour{reason: "a tailscaled runs on this machine (" + DefaultSocket + " answers)"}
	}
	if interfaces, err := net.Interfaces(); err == nil {
		for _, i := range interfaces {
			if strings.HasPrefix(i.Name, "tailscale") {
				return neighbour{reason: "a tailscaled runs on this machine (it has the interface " + i.Name + ")", passing: i.Name == tunName}
			}
		}
	}
	return lockHolder(ctx)
}

// lockHolder describes the process that has the lock. A join takes it as root;
// any other user's process only keeps joins from having an interface. This
// connects, and does not try to take the lock: two processes that look at the
// same time must not find each other.
func lockHolder(ctx context.Context) neighbour {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := dialSocket(ctx, lockName)
	n := neighbour{reason: "another join on this machine has the network interface", passing: true}
	if errors.Is(err, unix.EAGAIN) { // its queue is full
		return n
	}
	if err != nil {
		return neighbour{}
	}
	defer conn.Close()
	holder, err := peerOf(conn)
	if err != nil {
		return n
	}
	if holder.Uid == 0 {
		n.reason += fmt.Sprintf(" (pid %d)", holder.Pid)
		return n
	}
	return neighbour{
		reason:    fmt.Sprintf("a process that is no join has taken the lock on the network interface, %s: pid %d, of uid %d", lockName, holder.Pid, holder.Uid),
		contested: true,
	}
}

func noDevice() string {
	if _, err := os.Stat(tunDevice); err != nil {
		return "there is no " + tunDevice
	}
	return ""
}

const tunDevice = "/dev/net/tun"

// noTUN says why root may not make an interface, as in a container.
func noTUN() string {
	if reason := noDevice(); reason != "" {
		return reason
	}
	device, err := os.OpenFile(tunDevice, os.O_RDWR, 0)
	if err != nil && hasCapability(unix.CAP_NET_ADMIN) { // the container may not open it, or the kernel has no driver
		return tunDevice + " is of no use: " + err.Error()
	}
	if err != nil {
		return noCapability
	}
	defer device.Close()
	return refused(device)
}

const noCapability = "root lacks the capability NET_ADMIN"

// refused says why the device makes no interface. What it is asked for makes
// nothing: a name without a kind is invalid, and the kernel says so only after
// it has looked at the rights (tun_set_iff in drivers/net/tun.c).
func refused(device *os.File) string {
	request, err := unix.NewIfreq("tailjoin")
	if err != nil {
		return err.Error()
	}
	err = unix.IoctlIfreq(int(device.Fd()), unix.TUNSETIFF, request)
	switch {
	case err == nil, errors.Is(err, unix.EINVAL):
		return ""
	case !errors.Is(err, unix.EPERM):
		return tunDevice + " is of no use: " + err.Error()
	case hasCapability(unix.CAP_NET_ADMIN): // over its own user namespace only
		return noCapability + " over this network"
	}
	return noCapability
}

func hasCapability(capability int) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[capability/32].Effective&(1<<(capability%32)) != 0
}
