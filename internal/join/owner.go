package join

import (
	"os"
	"syscall"
	"time"

	"github.com/tailjoin/tailjoin/internal/tailscaled"
)

// An owner is the process that joins. Its number alone may be another
// process's by the time that Leave reads it, so its program is noted too.
type owner struct {
	PID     int    `json:"pid"`
	Program string `json:"program"`
}

func self() owner { return owner{os.Getpid(), tailscaled.OwnProgram()} }

// stop ends a join that still runs. It is asked first: it undoes what it
// began, and has five seconds for that.
func (o owner) stop() error {
	if o.PID == os.Getpid() || !o.runs() {
		return nil
	}
	if err := tailscaled.Signal(o.PID, syscall.SIGTERM); err != nil {
		return err
	}
	if tailscaled.AwaitExit(o.PID, 5*time.Second) || !o.runs() {
		return nil
	}
	if err := tailscaled.Signal(o.PID, syscall.SIGKILL); err != nil {
		return err
	}
	tailscaled.AwaitExit(o.PID, 5*time.Second)
	return nil
}

// runs reports that the process is a join of this user that runs this program.
// The session names both, and any step may have changed that.
func (o owner) runs() bool {
	return o.PID > 0 && o.Program != "" && o.Program == self().Program &&
		tailscaled.ProgramOf(o.PID) == o.Program && tailscaled.IsOwn(o.PID)
}
