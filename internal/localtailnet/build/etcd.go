package build

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
)

// etcdModule pins etcd for the tests alone: its requirements are none of the
// project's.
const etcdModule = "tools/etcd"

var etcdRequired = regexp.MustCompile(`go\.etcd\.io/etcd/server/v3 v(\S+)`)

// Etcd returns the path of an etcd. The first call takes a minute on two
// cores.
func Etcd(ctx context.Context) (path string, err error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	pinned, err := os.ReadFile(filepath.Join(root, etcdModule, "go.mod"))
	if err != nil {
		return "", err
	}
	version := etcdRequired.FindSubmatch(pinned)
	if version == nil {
		return "", errors.New(etcdModule + "/go.mod requires no etcd")
	}
	dir, err := build(ctx, root, "etcd", string(version[1]), map[string]program{
		"etcd": {pkg: "go.etcd.io/etcd/server/v3", module: etcdModule},
	})
	return filepath.Join(dir, "etcd"), err
}
