//go:build unix

package tailscaled

import (
	"os"
	"path/filepath"
)

// cliName is the name of tailscale in a session's directory.
const cliName = "tailscale"

// linkCLI gives tailscale a name in the session's directory as linkDaemon does
// for the daemon, and returns the path to call it by.
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
