package tailscaled

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// logOf is a daemon that has written this.
func logOf(t *testing.T, lines ...string) *Daemon {
	t.Helper()
	log := filepath.Join(t.TempDir(), logName)
	if err := os.WriteFile(log, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return &Daemon{log: log}
}

func TestLastLines_sayEachThingOnce(t *testing.T) {
	got := logOf(t,
		"2026/08/20 02:00:01 first",
		"2026/08/20 02:00:02 control: again",
		"2026/08/20 02:00:02 [v1] chatter",
		"2026/08/20 02:00:03 Received error: no",
		"2026/08/20 02:00:04 control: again",
		"2026/08/20 02:00:05 Received error: no",
		"panic: no time here",
	).LastLines()
	want := []string{
		"2026/08/20 02:00:01 first",
		"2026/08/20 02:00:04 control: again",
		"2026/08/20 02:00:05 Received error: no",
		"panic: no time here",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestLastLines_areNotMany(t *testing.T) {
	var lines []string
	for i := range 3 * lastLines {
		lines = append(lines, fmt.Sprintf("2026/08/20 02:00:00 line %d", i))
	}
	got := logOf(t, lines...).LastLines()
	if d := cmp.Diff(lines[2*lastLines:], got); d != "" {
		t.Error(d)
	}
}
