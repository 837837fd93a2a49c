//go:build unix

package tailscaled

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// sumsOf are the sums of a file in spans that end at these bytes, and of the
// whole.
func sumsOf(name string, content []byte, ends ...int) sums {
	s := sums{name: sum(string(content))}
	from := 0
	for _, to := range ends {
		s[fmt.Sprintf("%s[%d:%d]", name, from, to)] = sum(string(content[from:to]))
		from = to
	}
	return s
}

func TestSums_matchNoticesEveryChangedByte(t *testing.T) {
	content := []byte("a tailscaled, or as much of it as a test needs")
	s := sumsOf("daemon", content, 1, 20, 21, len(content))
	file := filepath.Join(t.TempDir(), "file")
	for i := range content {
		changed := bytes.Clone(content)
		changed[i] ^= 1
		must(t, os.WriteFile(file, changed, 0o600))
		if same, err := s.matchFile(t, "daemon", file); same || err != nil {
			t.Errorf("with byte %d changed: %t, %v", i, same, err)
		}
	}
	must(t, os.WriteFile(file, content, 0o600))
	if same, err := s.matchFile(t, "daemon", file); !same || err != nil {
		t.Errorf("with nothing changed: %t, %v", same, err)
	}
}

// The spans of the wrong sums below are right, so that only a look at the
// whole finds out.
func TestSums_matchTakesTheWholeWhereSpansLeaveSomethingOut(t *testing.T) {
	content := []byte("0123456789")
	for name, s := range map[string]sums{
		"no spans":               sumsOf("daemon", content),
		"an end that is missing": sumsOf("daemon", content, 5, 9),
		"spans of another file":  sumsOf("daemon-arm64", content, 5, 10),
		"a gap":                  {"daemon[0:4]": sum("0123"), "daemon[5:10]": sum("56789")},
		"a span twice":           {"daemon[0:5]": sum("01234"), "daemon[0:10]": sum("0123456789")},
		"no beginning":           {"daemon[5:10]": sum("56789")},
		"an odd name":            {"daemon[x:10]": sum("0123456789")},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "file")
			must(t, os.WriteFile(file, content, 0o600))
			s["daemon"] = sum("0123456789")
			if same, err := s.matchFile(t, "daemon", file); !same || err != nil {
				t.Errorf("with the sum of the whole: %t, %v", same, err)
			}
			s["daemon"] = sum("something else")
			if same, err := s.matchFile(t, "daemon", file); same || err != nil {
				t.Errorf("with another sum of the whole: %t, %v", same, err)
			}
		})
	}
}

func TestSums_matchOfAnEmptyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for name, s := range map[string]sums{"with spans": sumsOf("daemon", []byte("0123"), 2, 4), "without": sumsOf("daemon", []byte("0123"))} {
		if same, err := s.matchFile(t, "daemon", file); same || err != nil {
			t.Errorf("%s: %t, %v", name, same, err)
		}
	}
}

func (s sums) matchFile(t *testing.T, name, file string) (bool, error) {
	t.Helper()
	f, err := os.Open(file)
	must(t, err)
	defer f.Close()
	return s.match(name, f)
}
