package tailscaled

import "context"

// listenerAt is the process that listens on a Unix socket, and its user: 0 if
// nothing listens, or a process in a PID namespace that this one does not see.
func listenerAt(socket string) (pid int, user userIDs) {
	conn, err := dialSocket(context.Background(), socket)
	if err != nil {
		return 0, userIDs{}
	}
	defer conn.Close()
	peer, err := peerOf(conn)
	if err != nil {
		return 0, userIDs{}
	}
	return int(peer.Pid), userIDs{int(peer.Uid), int(peer.Uid)}
}
