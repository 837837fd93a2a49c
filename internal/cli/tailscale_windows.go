package cli

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/child"
	"github.com/tailjoin/tailjoin/internal/join"
	"github.com/tailjoin/tailjoin/internal/tailscaled"
)

// tailscale runs tailscale for the daemon of a session, if this program is the
// session's copy of that name: join puts it on the PATH of later steps.
func tailscale(p Process) (status int, ok bool) {
	if !strings.EqualFold(filepath.Base(p.Self), "tailscale.exe") {
		return 0, false
	}
	session := filepath.Dir(filepath.Dir(p.Self))
	program, small := tailscaled.CLIIn(session)
	if why := join.RefuseInSmall(p.Args); small && why != "" {
		fmt.Fprintln(p.Err, why)
		return Failed, true
	}
	signal.Ignore(os.Interrupt) // it is for tailscale
	command := child.Command{
		Path: program, Args: slices.Concat([]string{"tailscale", "--socket=" + tailscaled.SocketIn(session)}, p.Args),
		Env: p.Environ, Files: []*os.File{file(p.In), file(p.Out), file(p.Err)},
	}
	status, err := command.Run(nil)
	if err != nil {
		fmt.Fprintln(p.Err, "tailscale:", err)
		return child.StatusOf(err), true
	}
	return status, true
}
