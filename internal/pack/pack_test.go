package pack

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// The daemon is the program in another order, which no packer makes smaller
// without the program.
func programAndDaemon() (program, daemon []byte) {
	program = make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{}).Read(program)
	return program, append(bytes.Clone(program[1<<19:]), program[:1<<19]...)
}

func TestPack_isUnpackedByZstd(t *testing.T) {
	if _, err := exec.LookPath("zstd"); err != nil {
		t.Skip("zstd is not installed (apt-get install zstd)")
	}
	program, daemon := programAndDaemon()
	packed, _, err := Pack("tailscaled-linux-amd64", daemon, program, zstd.SpeedBestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if len(packed) > len(daemon)/50 {
		t.Errorf("%d bytes were packed to %d, although the program has them all", len(daemon), len(packed))
	}
	file := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(file, program, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "zstd", "-dc", "-D", file)
	cmd.Stdin = bytes.NewReader(packed)
	unpacked, err := cmd.Output()
	if err != nil || !bytes.Equal(unpacked, daemon) {
		t.Errorf("zstd unpacks %d bytes, %v; want the %d that were packed", len(unpacked), err, len(daemon))
	}
}

func TestPack_givesTheSameBytesAgain(t *testing.T) {
	program, daemon := programAndDaemon()
	one, oneSpans, err := Pack("tailscaled-linux-amd64", daemon, program, zstd.SpeedBestCompression)
	if err != nil {
		t.Fatal(err)
	}
	two, twoSpans, err := Pack("tailscaled-linux-amd64", daemon, program, zstd.SpeedBestCompression)
	if err != nil || !bytes.Equal(one, two) || oneSpans != twoSpans {
		t.Errorf("the second has %d bytes, %v; the first %d", len(two), err, len(one))
	}
	if got := strings.Count(oneSpans, "\n"); got != 2*frames {
		t.Errorf("got %d spans, want %d:\n%s", got, 2*frames, oneSpans)
	}
}
