package tailscaled

import (
	"context"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"
)

// published are the architectures whose packages a join may want.
var published = []string{"386", "amd64", "arm", "arm64", "riscv64", "x86"}

// Published returns where the package server has the packages of a version,
// and which version that is. "" is the newest stable one.
func (in Install) Published(ctx context.Context, version string) (newest string, paths []string, err error) {
	s := in.publisher()
	i, err := s.index(ctx, track(version), url.Values{"v": {version}})
	if err != nil {
		return "", nil, in.failed(s, "/", err)
	}
	for _, files := range []map[string]string{i.Tarballs, i.MSIs} {
		for _, arch := range slices.Sorted(maps.Keys(files)) {
			if slices.Contains(published, arch) {
				paths = append(paths, "/"+track(i.TarballsVersion)+"/"+files[arch])
			}
		}
	}
	return i.TarballsVersion, paths, nil
}

// SignedSum returns the SHA-256 of a package, once the package server has shown
// that a trusted root signed it. No other proof counts.
func (in Install) SignedSum(ctx context.Context, path string) (string, error) {
	in.SHA256, in.knownSums = "", map[string]string{}
	s := in.publisher()
	as := format{unpack: func(context.Context, io.Reader, string) error { return nil }}
	got, err := in.receive(ctx, s, as, path)
	if err != nil {
		return "", in.failed(s, path, err)
	}
	defer os.RemoveAll(got.dir)
	if err := in.prove(s, got); err != nil {
		return "", err
	}
	return sumFile(got.asReceived())
}

func (in Install) publisher() shelf {
	if in.Mirror != "" {
		return in.mirrorShelf()
	}
	return in.tailscaleShelf()
}
