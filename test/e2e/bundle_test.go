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
	"github.com/tailjoin/tailjoin/internal/pack"
)

// bundle is a directory with the daemon packed as a release carries it.
func bundle(t *testing.T) string {
	t.Helper()
	dir := shortDir(t)
	plain, err := os.ReadFile(os.Getenv(daemon))
	if err != nil {
		t.Fatal(err)
	}
	platform := runtime.GOOS + "-" + runtime.GOARCH
	program := []byte("the program of this bundle")
	packed, spans, err := pack.Pack("tailscaled-"+platform, plain, program, zstd.SpeedFastest)
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string][]byte{
		"tailjoin-" + platform:            program,
		"tailscaled-" + platform + ".zst": packed,
		"tailscaled.version":              []byte(build.Version() + "\n"),
		"tailscaled.spans":                []byte(spans),
		"SHA256SUMS": fmt.Appendf(nil, "%x  tailscaled-%s.zst\n%x  tailscaled-%s\n%x  tailjoin-%s\n",
			sha256.Sum256(packed), platform, sha256.Sum256(plain), platform, sha256.Sum256(program), platform),
	} {
		if err := os.WriteFile(filepath.Join(dir, file), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
