package tailscaled

import (
	"encoding/binary"
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// A filterSocket takes requests to the packet filter: nfnetlink.
type filterSocket struct{ socket int }

// A filterMessage is one request, or one object of an answer.
type filterMessage struct {
	kind   uint16
	family byte
	body   []byte // attributes
}

func dialFilter() (filterSocket, error) {
	socket, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return filterSocket{}, err
	}
	limit := unix.Timeval{Sec: 5} // never for an answer that does not come
	return filterSocket{socket}, unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit)
}

func (f filterSocket) close() { unix.Close(f.socket) }

// list returns every object of a kind, of all address families.
func (f filterSocket) list(kind uint16) ([]filterMessage, error) {
	request := tableMessage(filterMessage{kind: kind, family: unix.AF_UNSPEC}, unix.NLM_F_DUMP)
	if err := f.send(request); err != nil {
		return nil, err
	}
	var found []filterMessage
	for {
		messages, err := f.receive()
		if err != nil {
			return nil, err
		}
		for _, m := range messages {
			switch {
			case m.Header.Type == unix.NLMSG_DONE:
				return found, nil
			case m.Header.Type == unix.NLMSG_ERROR:
				return nil, errorOf(m)
			case len(m.Data) >= sizeofNfgenmsg:
				found = append(found, filterMessage{m.Header.Type & 0xff, m.Data[0], m.Data[sizeofNfgenmsg:]})
			}
		}
	}
}

// change sends messages that take effect together, or not at all.
func (f filterSocket) change(messages []filterMessage) error {
	if len(messages) == 0 {
		return nil
	}
	batch := batchMessage(unix.NFNL_MSG_BATCH_BEGIN)
	for _, m := range messages {
		batch = append(batch, tableMessage(m, unix.NLM_F_ACK)...)
	}
	if err := f.send(append(batch, batchMessage(unix.NFNL_MSG_BATCH_END)...)); err != nil {
		return err
	}
	var errs []error
	for range messages {
		answers, err := f.receive()
		if err != nil {
			return err
		}
		for _, m := range answers {
			errs = append(errs, errorOf(m))
		}
		if len(errs) >= len(messages) {
			break
		}
	}
	return errors.Join(errs...)
}

func (f filterSocket) send(request []byte) error {
	return unix.Sendto(f.socket, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

func (f filterSocket) receive() ([]syscall.NetlinkMessage, error) {
	answer := make([]byte, 1<<16)
	n, _, err := unix.Recvfrom(f.socket, answer, 0)
	if err != nil {
		return nil, err
	}
	return syscall.ParseNetlinkMessage(answer[:n])
}

// errorOf is what an NLMSG_ERROR says: nil for an acknowledgement.
func errorOf(m syscall.NetlinkMessage) error {
	if m.Header.Type != unix.NLMSG_ERROR || len(m.Data) < 4 {
		return errors.New("the kernel's answer is not one to a change of the packet filter")
	}
	if number := -int32(binary.NativeEndian.Uint32(m.Data)); number != 0 {
		return syscall.Errno(number)
	}
	return nil
}

// sizeofNfgenmsg is the size of struct nfgenmsg: family, version, resource.
const sizeofNfgenmsg = 4

func tableMessage(m filterMessage, flags uint16) []byte {
	return netlinkMessage(unix.NFNL_SUBSYS_NFTABLES<<8|m.kind, flags, append([]byte{m.family, 0, 0, 0}, m.body...))
}

func batchMessage(kind uint16) []byte {
	return netlinkMessage(kind, 0, []byte{0, 0, 0, unix.NFNL_SUBSYS_NFTABLES})
}

func netlinkMessage(kind, flags uint16, body []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|flags)
	b = append(b, make([]byte, 8)...) // sequence and sender
	return append(b, body...)
}
