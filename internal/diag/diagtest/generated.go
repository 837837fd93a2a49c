package diagtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Generated compares a part of a file, between two marks that are lines of
// their own, with what the code says there is. With -update it is written. The
// file is named from the module's directory.
func Generated(t *testing.T, file, begin, end, want string) {
	t.Helper()
	path := filepath.Join(root(t), filepath.FromSlash(file))
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(strings.ReplaceAll(string(raw), "\r\n", "\n"), begin+"\n")
	old, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s lacks the marks %q and %q", file, begin, end)
	}
	if *Update {
		if err := os.WriteFile(path, []byte(before+begin+"\n"+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		old = want
	}
	if d := cmp.Diff(old, want); d != "" {
		t.Errorf("%s, behind %q, is not what the code says (-file +code); -update writes it:\n%s", file, begin, d)
	}
}
