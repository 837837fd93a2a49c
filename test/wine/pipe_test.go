//go:build linux

package wine

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/test/wine/machine"
)

// pipeAt names a program that says who may use a pipe.
const pipeAt = "TAILJOIN_TEST_WINDOWS_PIPE"

func buildPipe(ctx context.Context) error {
	path, err := machine.Build(ctx, root, "pipe.exe", "build", "-ldflags=-w", "./test/wine/testdata/pipe")
	if err != nil {
		return err
	}
	return os.Setenv(pipeAt, path)
}

// A user who comes to a daemon first keeps the others out, and any user can list the pipes of a machine.
func TestJoin_letsNoOtherUserToTheDaemon(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plainTemp)
	socket := w.mustJoin()["socket"]
	got := finish(t, w.command("Z:"+os.Getenv(pipeAt), socket))
	access := strings.TrimSpace(got.words)
	if got.status != 0 || strings.Count(access, "(A;") != 3 {
		t.Errorf("the pipe has %q", access)
	}
	for _, user := range []string{"OW", "SY", "BA"} {
		if !strings.Contains(access, ";;;"+user+")") {
			t.Errorf("%s is not let in by %q", user, access)
		}
	}
	w.mustLeave()
}
