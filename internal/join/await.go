package join

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/diag"
)

// await proves that the tailnet can be used: each peer answers, each port
// accepts. All are tried at the same time, within the join's one deadline.
func (j *joining) await(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var waits []func() (struct{}, error)
	for _, peer := range j.Ping {
		waits = append(waits, start(ctx, cancel, func(ctx context.Context) (struct{}, error) { return struct{}{}, j.ping(ctx, peer) }))
	}
	for _, target := range j.WaitFor {
		waits = append(waits, start(ctx, cancel, func(ctx context.Context) (struct{}, error) { return struct{}{}, j.reach(ctx, target) }))
	}
	var failed error
	for _, wait := range waits {
		if _, err := wait(); err != nil && failed == nil {
			failed = err
		}
	}
	return failed
}

func (j *joining) ping(ctx context.Context, peer string) error {
	result, err := j.daemon.Ping(ctx, peer)
	if err != nil {
		return j.unreached("ping", peer, err)
	}
	j.Log.Info("peer answered", "peer", peer, "ms", fmt.Sprintf("%.1f", result.LatencySeconds*1000))
	return nil
}

func (j *joining) reach(ctx context.Context, target string) error {
	if err := j.daemon.Reach(ctx, target, j.result.TUN); err != nil {
		return j.unreached("wait-for", target, err)
	}
	j.Log.Info("port accepts connections", "target", target)
	return nil
}

func (j *joining) unreached(what, target string, err error) error {
	if _, told := errors.AsType[*diag.Problem](err); told {
		return err
	}
	return &diag.Problem{
		Code:    "not-reachable",
		Summary: fmt.Sprintf("%s %s had no success within %v", what, target, j.Timeout),
		Facts:   j.daemon.Findings(context.Background()),
		Err:     err,
		Hint: "the node is on the tailnet. See that the policy lets its tags reach the target: " + j.console(access.Policy) + "\n" +
			"that the target is up, and that it listens there",
	}
}

func (j *joining) noExitNode(err error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	offered := strings.Join(j.daemon.ExitNodes(ctx), "\n")
	return problem("no-exit-node", fmt.Sprintf("%s could not be the exit node within %v", j.Up.ExitNode, j.Timeout),
		"name a peer that offers one; the policy must let this node's tags use it (autogroup:internet):\n"+j.console(access.Policy), err,
		diag.Fact{Name: "offered by", Value: cmp.Or(offered, "no peer that this node may see")})
}
