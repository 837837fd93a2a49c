//go:build unix

package secret_test

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/tailjoin/tailjoin/internal/secret"
)

// A disk that is full is one on which no file may have more than 0 bytes.
func TestWriteFile_thatFails_keepsTheOldFile(t *testing.T) {
	if path := os.Getenv("TEST_WRITE_FILE"); path != "" {
		signal.Ignore(syscall.SIGXFSZ)
		if err := secret.New("new").WriteFile(path); err == nil {
			t.Error("no error")
		}
		return
	}
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The test's own words go to a pipe, which the limit does not count for.
	cmd := exec.Command("sh", "-c", `ulimit -f 0; exec "$0" -test.run='^TestWriteFile_thatFails_keepsTheOldFile$'`, os.Args[0])
	cmd.Env = append(os.Environ(), "TEST_WRITE_FILE="+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if got, err := os.ReadFile(path); string(got) != "old" {
		t.Errorf("the file holds %q, %v", got, err)
	}
	wantFiles(t, filepath.Dir(path), "token")
}
