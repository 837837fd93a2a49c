package build

import "context"

// Headscale returns the path of a Headscale, the control server that is not ours.
// The first call takes two minutes on two cores.
func Headscale(ctx context.Context) (path string, err error) {
	return pinned(ctx, "headscale", "github.com/juanfont/headscale", "github.com/juanfont/headscale/cmd/headscale")
}
