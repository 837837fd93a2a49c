package build

import (
	"context"
	"os"
	"path/filepath"

	"tailscale.com/feature/featuretags"
)

// upFeatures are what `tailscale up` has of its own, beyond the small build: the
// ways to an auth key by an ID token and by an OAuth client's secret.
var upFeatures = []featuretags.FeatureTag{"identityfederation", "oauthkey", "qrcodes", "ssh", "advertiseroutes", "advertiseexitnode", "appconnectors", "posture"}

// CLI returns the path of a tailscale with all that `tailscale up` can do, which
// speaks to any daemon. The first call takes half a minute on two cores.
func CLI(ctx context.Context) (path string, err error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	list, err := os.ReadFile(filepath.Join(root, featuresFile))
	if err != nil {
		return "", err
	}
	dir, err := build(ctx, root, "cli", Version(), map[string]program{
		"tailscale": {pkg: "tailscale.com/cmd/tailscale", tags: tags(append(features(string(list)), upFeatures...))},
	})
	return filepath.Join(dir, "tailscale"), err
}
