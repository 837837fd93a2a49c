package tailscaled

import (
	"os"
	"path/filepath"
)

// cliName is the name of tailscale in a session's directory.
const cliName = "tailscale"

// linkDaemon gives the program a name in the session's directory. Where the
// file system allows it that is a hard link to the file that was verified: it
// leads to no other, and is there as long as the session, whatever becomes of
// the cache.
func (b Binary) linkDaemon(session string) error {
	name := filepath.Join(session, linkName)
	if b.file != nil && linkOpen(b.file, name) == nil {
		return nil
	}
	return alias(b.Daemon, name)
}

// linkCLI does the same for tailscale, and returns the path to call it by.
func (b Binary) linkCLI(session string) string {
	name := filepath.Join(session, cliName)
	if b.file == nil || !isAt(b.file, filepath.Join(session, linkName)) {
		return b.CLI
	}
	os.Remove(name)
	link := os.Link
	if target, _ := os.Readlink(b.CLI); target == "tailscaled" { // the bundle: two programs in one
		link = func(_, name string) error { return os.Symlink(linkName, name) }
	}
	if err := link(b.CLI, name); err != nil {
		return b.CLI
	}
	return name
}
