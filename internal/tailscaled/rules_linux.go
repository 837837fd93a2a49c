package tailscaled

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// tailscaleTable is the routing table of every tailscaled.
const tailscaleTable = 52

// policyRules are those by which tailscaled leads packets to its table, in
// each address family. tailscaled --cleanup leaves them.
// Source: tailscale.com v1.102.5, wgengine/router/osrouter/router_linux.go.
var policyRules = []struct {
	priority      uint32
	table, action byte
}{
	{5210, unix.RT_TABLE_MAIN, unix.FR_ACT_TO_TBL},
	{5230, unix.RT_TABLE_DEFAULT, unix.FR_ACT_TO_TBL},
	{5250, unix.RT_TABLE_UNSPEC, unix.FR_ACT_UNREACHABLE},
	{5270, tailscaleTable, unix.FR_ACT_TO_TBL},
}

// removeRules removes tailscaled's policy rules, and the routes of its table
// that did not go with its interface. found says that there were any. Without
// the right to remove any it is an error only if there are some: everyone may
// look.
func removeRules() (found bool, err error) {
	kernel, err := dialKernel()
	if err != nil {
		return false, fmt.Errorf("removing tailscaled's routes: %w", err)
	}
	defer kernel.close()
	var errs []error
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		for _, r := range policyRules {
			rule := []byte{family, 0, 0, 0, r.table, 0, 0, r.action, 0, 0, 0, 0} // struct fib_rule_hdr
			err := kernel.remove(unix.RTM_DELRULE, append(rule, attribute(unix.FRA_PRIORITY, r.priority)...))
			if errors.Is(err, unix.EPERM) && !hasRule(family, r.priority) {
				continue
			}
			found = found || err == nil
			errs = append(errs, unlessGone(err))
		}
		errs = append(errs, kernel.removeRoutes(int(family)))
	}
	if err := errors.Join(errs...); err != nil {
		return found, fmt.Errorf("removing tailscaled's routes: %w", err)
	}
	return found, nil
}

// hasRule reports that the kernel has a policy rule of this priority, or does not
// tell.
func hasRule(family byte, priority uint32) bool {
	dump, err := syscall.NetlinkRIB(unix.RTM_GETRULE, int(family))
	if err != nil {
		return true
	}
	messages, err := syscall.ParseNetlinkMessage(dump)
	if err != nil {
		return true
	}
	return slices.ContainsFunc(messages, func(m syscall.NetlinkMessage) bool {
		return m.Header.Type == unix.RTM_NEWRULE && bytes.Contains(m.Data, attribute(unix.FRA_PRIORITY, priority))
	})
}

// attribute is a struct rtattr with a number.
func attribute(kind uint16, value uint32) []byte {
	b := binary.NativeEndian.AppendUint16(nil, unix.SizeofRtAttr+4)
	b = binary.NativeEndian.AppendUint16(b, kind)
	return binary.NativeEndian.AppendUint32(b, value)
}

// A kernel is a socket that takes requests to change routes: rtnetlink(7). A
// library for it makes the program 290 KB larger.
type kernel struct{ socket int }

func dialKernel() (kernel, error) {
	socket, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	return kernel{socket}, err
}

func (k kernel) close() { unix.Close(k.socket) }

// removeRoutes sends each route of tailscaled's table back as one to remove,
// as `ip route flush` does.
func (k kernel) removeRoutes(family int) error {
	dump, err := syscall.NetlinkRIB(unix.RTM_GETROUTE, family)
	if err != nil {
		return err
	}
	messages, err := syscall.ParseNetlinkMessage(dump)
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range messages {
		const table = 4 // its place in struct rtmsg
		if m.Header.Type == unix.RTM_NEWROUTE && len(m.Data) > table && m.Data[table] == tailscaleTable {
			errs = append(errs, unlessGone(k.remove(unix.RTM_DELROUTE, m.Data)))
		}
	}
	return errors.Join(errs...)
}

// remove asks for the removal of what body describes, and waits for the answer.
func (k kernel) remove(kind uint16, body []byte) error {
	request := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	request = binary.NativeEndian.AppendUint16(request, kind)
	request = binary.NativeEndian.AppendUint16(request, unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	request = append(request, make([]byte, 8)...) // sequence and sender: there is one request at a time
	request = append(request, body...)
	if err := unix.Sendto(k.socket, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(k.socket, answer, 0)
	if err != nil {
		return err
	}
	return acknowledged(answer[:n])
}

// acknowledged reads the kernel's answer: an NLMSG_ERROR, whose number is 0
// when all is well.
func acknowledged(answer []byte) error {
	messages, err := syscall.ParseNetlinkMessage(answer)
	if err != nil {
		return err
	}
	if len(messages) != 1 || messages[0].Header.Type != unix.NLMSG_ERROR || len(messages[0].Data) < 4 {
		return errors.New("the kernel's answer is not one to a removal")
	}
	if number := -int32(binary.NativeEndian.Uint32(messages[0].Data)); number != 0 {
		return syscall.Errno(number)
	}
	return nil
}

// unlessGone turns the kernel's answers for a rule, a route or an address
// family that it does not have into success.
func unlessGone(err error) error {
	for _, gone := range []syscall.Errno{unix.ENOENT, unix.ESRCH, unix.EAFNOSUPPORT, unix.EOPNOTSUPP} {
		if errors.Is(err, gone) {
			return nil
		}
	}
	return err
}
