package tailscaled

import "path/filepath"

// linkDaemon gives the program a name in the session's directory. Where the
// file system allows it that is a hard link to the file that was verified: it
// leads to no other, and is there as long as the session, whatever becomes of
// the cache. On Windows it is a copy of that file.
func (b Binary) linkDaemon(session string) error {
	name := filepath.Join(session, linkName)
	if b.file != nil && linkOpen(b.file, name) == nil {
		return nil
	}
	return alias(b.Daemon, name)
}
