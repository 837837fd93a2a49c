//go:build linux

package e2e

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/tailjoin/tailjoin/internal/localtailnet/build"
)

// bundle is a directory with the daemon packed as a release carries it.
func bundle(t *testing.T) string {
	t.Helper()
	dir := shortDir(t)
	plain, err := os.ReadFile(os.Getenv(daemon))
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	packed := encoder.EncodeAll(plain, nil)
	name := "tailscaled-" + runtime.GOOS + "-" + runtime.GOARCH
	for file, content := range map[string][]byte{
		name + ".zst":        packed,
		"tailscaled.version": []byte(build.Version() + "\n"),
		"SHA256SUMS":         fmt.Appendf(nil, "%x  %s.zst\n%x  %s\n", sha256.Sum256(packed), name, sha256.Sum256(plain), name),
	} {
		if err := os.WriteFile(filepath.Join(dir, file), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
