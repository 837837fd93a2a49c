package cli

import (
	"context"
	"flag"
	"time"

	"github.com/tailjoin/tailjoin/internal/join"
)

// leaveLimit is below the 45 s that a runner leaves to a cancelled job.
const leaveLimit = 40 * time.Second

// leave is the command. What cannot be undone is a warning: a job that did its
// work does not fail for it.
func (f *front) leave(ctx context.Context, args []string) error {
	var in inputs
	fs := flag.NewFlagSet("leave", flag.ContinueOnError)
	in.access(fs)
	if err := parse(fs, f.job, args); err != nil {
		return f.help(fs, err)
	}
	// A cancelled job's signals are for the work that is now being undone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveLimit)
	defer cancel()
	deps, _ := f.deps(&in, join.Identity{Secret: in.oauthSecret})
	f.mask(in.oauthSecret)
	began := time.Now()
	left, err := join.Leave(ctx, join.LeaveRequest{Dir: f.sessionDir(&in), Secret: in.oauthSecret}, deps)
	switch {
	case err != nil:
		f.log("").Warn("not everything could be undone: " + err.Error())
	case !left:
		f.log("").Info("nothing to leave")
	default:
		f.log("").Info("left the tailnet", "ms", time.Since(began).Milliseconds())
	}
	return nil
}
