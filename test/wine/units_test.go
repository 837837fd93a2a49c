//go:build linux

package wine

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/tailjoin/tailjoin/test/wine/machine"
)

// units are the packages that call Windows themselves: what their own tests can show of that.
var units = []string{"ci", "join", "private", "tailscaled"}

func buildUnits(ctx context.Context) error {
	for _, name := range units {
		if _, err := machine.Build(ctx, root, unitFile(name), "test", "-c", "-vet=off", "-ldflags=-w", "./internal/"+name); err != nil {
			return err
		}
	}
	return nil
}

func unitFile(name string) string { return name + ".test.exe" }

func TestUnits(t *testing.T) {
	t.Parallel()
	for _, name := range units {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := mustMachine(t)
			dir, err := filepath.Abs(filepath.Join(root, "internal", name))
			if err != nil {
				t.Fatal(err)
			}
			program := filepath.Join(filepath.Dir(os.Getenv(releaseAt)), unitFile(name))
			cmd := m.Command(t.Context(), nil, "Z:"+program, "-test.v")
			cmd.Dir = dir
			got := finish(t, cmd)
			if got.status != 0 {
				t.Errorf("the tests ended with %d:\n%s", got.status, got.words)
			}
		})
	}
}
