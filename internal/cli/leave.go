package cli

import (
	"context"
	"errors"
	"flag"
	"os"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/join"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// leaveLimit is below the 45 s that GitHub's runner leaves to a cancelled job.
const leaveLimit = 40 * time.Second

// leave is the command. What cannot be undone is a warning: a job that did its
// work does not fail for it.
func (f *front) leave(ctx context.Context, args []string) error {
	var in inputs
	fs := flag.NewFlagSet("leave", flag.ContinueOnError)
	in.access(fs)
	limit := leaveLimit
	fs.Var(duration{&limit}, "limit", "time limit, for a platform that leaves a cancelled job less")
	if err := (parser{fs, f.job, f.leaveWithout}).parse(args); err != nil {
		return f.help(fs, err)
	}
	up := in.upOfArgs()
	up.AuthKey = secret.Text{} // a leave has no use for it, and its file may be gone
	if err := f.fillWays(&in, up); err != nil {
		f.leaveWithout("args", err)
	}
	identity, err := in.identity()
	if err != nil {
		f.leaveWithout("oauth-client-id or oauth-secret", err)
	}
	deps, _ := f.deps(&in, identity) // an ID token is asked for only if it is needed
	// A cancelled job's signals are for the work that is now being undone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	f.mask(identity.Secret)
	began := time.Now()
	left, err := join.Leave(ctx, join.LeaveRequest{
		Dir: f.sessionDir(&in), TrustedParent: f.trustedParent(), CacheDir: f.job.CacheDir, Identity: identity,
	}, deps)
	if _, refused := errors.AsType[*diag.Problem](err); refused && !left {
		return err // nothing was touched
	}
	f.sayLeft("", left, err, began)
	f.removeTemp()
	if err := f.endProxies(&in); err != nil {
		f.log("").Warn("later commands still have the proxies of a daemon that has ended: " + err.Error())
	}
	return nil
}

// leaveWithout warns of an input that cannot be used, such as a file that is gone
// by now. The inputs are needed only to delete the node of a daemon that died.
func (f *front) leaveWithout(input string, err error) {
	why := diag.As(err)
	f.log("").Warn("leaving without input " + input + ": " + why.Summary + ": " + why.Hint)
}

func (f *front) sayLeft(mode string, left bool, err error, began time.Time) {
	log := f.log(mode)
	switch {
	case err != nil:
		log.Warn("not everything could be undone: " + err.Error())
	case !left:
		log.Info("nothing to leave")
	default:
		log.Info("left the tailnet", "ms", time.Since(began).Milliseconds())
	}
}

// removeTemp removes the job's directory if it is ours, and if nobody else has
// anything there.
func (f *front) removeTemp() {
	if f.job.OwnTemp {
		os.Remove(f.job.TempDir)
	}
}
