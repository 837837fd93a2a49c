package build

import "context"

// Etcd returns the path of an etcd. The first call takes a minute on two
// cores.
func Etcd(ctx context.Context) (path string, err error) {
	return pinned(ctx, "etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3")
}
