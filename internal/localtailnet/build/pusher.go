package build

import (
	"context"
	"path/filepath"
)

// GitopsPusher returns the path of Tailscale's program for policy files in
// git, which tests run beside ours. The first call takes half a minute on two
// cores.
func GitopsPusher(ctx context.Context) (path string, err error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	dir, err := build(ctx, root, "pusher", Version(), map[string]program{
		"gitops-pusher": {pkg: "tailscale.com/cmd/gitops-pusher"},
	})
	return filepath.Join(dir, "gitops-pusher"), err
}
