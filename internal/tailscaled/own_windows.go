package tailscaled

import "path/filepath"

// cliName is the name of tailscale in a session's directory.
const cliName = "tailscale.exe"

// linkCLI copies tailscale into the session's directory, and returns the path to
// call it by. The small build is tailscale too: see CLIIn.
func (b Binary) linkCLI(session string) string {
	if b.CLI == b.Daemon {
		return filepath.Join(session, linkName)
	}
	name := filepath.Join(session, cliName)
	if err := alias(b.CLI, name); err != nil {
		return b.CLI
	}
	return name
}

// CLIIn finds the tailscale of a session. If that is the small build, small is
// set, and the daemon's program has to be called by the name tailscale.
func CLIIn(session string) (program string, small bool) {
	if cli := filepath.Join(session, cliName); isExecutable(cli) {
		return cli, false
	}
	return filepath.Join(session, linkName), true
}
