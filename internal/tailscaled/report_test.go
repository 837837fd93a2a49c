package tailscaled

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/private"
)

// logOf is a daemon that has written this.
func logOf(t *testing.T, lines ...string) *Daemon {
	t.Helper()
	session := mustSession(t)
	if err := os.WriteFile(filepath.Join(session.Path, logName), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return &Daemon{Session: session}
}

// mustSession is a session's directory, opened until the test ends.
func mustSession(t *testing.T) *private.Dir {
	t.Helper()
	path := filepath.Join(t.TempDir(), "session")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	dir, err := private.Open(path, os.Geteuid())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	return dir
}

func TestLogLines_areTheEndOfALongLog(t *testing.T) {
	lines := logOf(t, "first", strings.Repeat("x", lastBytes), "last").logLines()
	if len(lines) != 2 || lines[1] != "last" {
		t.Errorf("got %d lines, the last %q", len(lines), lines[len(lines)-1])
	}
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

func TestExplain_tellsWhoMayRunTailscalesOwnOnWindows(t *testing.T) {
	const refused = `2026/08/20 02:00:01 safesocket.Listen: namedpipe.Listen: open \\.\pipe\tailjoin-0123: This security ID may not be assigned as the owner of this object.`
	for line, want := range map[string]string{refused: "only as an administrator", "2026/08/20 02:00:01 panic": "debug logging"} {
		p := diag.As(logOf(t, line).explain(errExited))
		if p.Code != "daemon-died" || !strings.Contains(p.Hint, want) {
			t.Errorf("%s: %s, hint %q, want %q in it", line, p.Code, p.Hint, want)
		}
	}
}
