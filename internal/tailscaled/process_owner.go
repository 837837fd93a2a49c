package tailscaled

import (
	"os"
	"path/filepath"

	"github.com/tailjoin/tailjoin/internal/private"
)

// userIDs are the real and the effective user ID of a process.
type userIDs struct{ real, effective int }

// An owner tells whether a process with these IDs is one of ours. A name does
// not: every user can give a process any arguments.
type owner func(userIDs) bool

// ownUser accepts the processes of this user.
func ownUser(u userIDs) bool { return u == userIDs{os.Geteuid(), os.Geteuid()} }

// rootOrOwn accepts the processes of this user and of root.
func rootOrOwn(u userIDs) bool { return ownUser(u) || u == userIDs{} }

// sudoOf accepts what sudo runs for a user: sudo itself begins with the real ID
// of its caller.
func sudoOf(caller int) owner {
	return func(u userIDs) bool { return u.effective == 0 && (u.real == 0 || u.real == caller) }
}

// daemonIn accepts the processes that can be the daemon of a session: this
// user's, and for root a daemon that runs apart under the user ID that owns its
// state. If the session was removed, any such ID is accepted.
func daemonIn(session string) owner {
	apart, known := private.OwnerOf(filepath.Join(session, StateName))
	return func(u userIDs) bool {
		if ownUser(u) {
			return true
		}
		own := known && u.real == apart || !known && isApart(u.real)
		return os.Geteuid() == 0 && u.real == u.effective && own
	}
}

// IsOwn reports whether a process runs as this user.
func IsOwn(pid int) bool { return belongsTo(pid, ownUser) }
