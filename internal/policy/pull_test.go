package policy_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/policy"
)

func TestPull_writesTheLivePolicyAndNothingElse(t *testing.T) {
	tm := newTeam(t)
	tm.write(base)
	if err := os.Chmod(tm.path, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := tm.SetPolicy(theirs); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{tm.name("policy.hujson"), ""} {
		done, err := tm.open(t.Context()).Pull(t.Context(), tm.path)
		if err != nil || done.File != want {
			t.Errorf("pull %d wrote %q (%v), want %q", i, done.File, err, want)
		}
	}
	raw, err := os.ReadFile(tm.path)
	if err != nil || string(raw) != tm.Policy() {
		t.Errorf("the file holds\n%s(%v), want\n%s", raw, err, tm.Policy())
	}
	if info, err := os.Stat(tm.path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v (%v), want 0640", info.Mode(), err)
	}
	if _, plan := tm.look(); plan.Changed() {
		t.Error("after a pull there is something to apply")
	}
}

// What is there may be nothing, or no policy at all: git has it.
func TestPull_intoWhatIsThere(t *testing.T) {
	for name, prepare := range map[string]func(*team) (written string){
		"no file":         func(tm *team) string { return tm.path },
		"no policy":       func(tm *team) string { tm.write("{ not"); return tm.path },
		"an empty folder": func(tm *team) string { tm.path = tm.dir; return filepath.Join(tm.dir, "policy.hujson") },
		"a folder with one": func(tm *team) string {
			tm.writeTo(filepath.Join(tm.dir, "x.hujson"), "{}")
			tm.path = tm.dir
			return filepath.Join(tm.dir, "x.hujson")
		},
	} {
		tm := newTeam(t)
		want := prepare(tm)
		done, err := tm.open(t.Context()).Pull(t.Context(), tm.path)
		if raw, _ := os.ReadFile(want); err != nil || done.File != filepath.ToSlash(want) || string(raw) != tm.Policy() {
			t.Errorf("%s: wrote %q (%v): %q", name, done.File, err, raw)
		}
	}
}

func TestPull_ofSeveralFilesSaysWhatToChange(t *testing.T) {
	tm := newTeam(t)
	rules, tests, _ := strings.Cut(base, "\t\"tests\"")
	tm.write(rules+"}", "{\n\t\"tests\""+tests)
	done, err := tm.open(t.Context()).Pull(t.Context(), tm.path)
	if err != nil || done.File != "" || done.Files != 2 {
		t.Errorf("the files are the live policy: %+v, %v", done, err)
	}
	if err := tm.SetPolicy(wider); err != nil {
		t.Fatal(err)
	}
	_, err = tm.open(t.Context()).Pull(t.Context(), tm.path)
	wantCode(t, err, "policy-pull-several", tm.name("policy/a.hujson")+":9 @@", "tcp:5433")
	if raw, _ := os.ReadFile(filepath.Join(tm.path, "a.hujson")); string(raw) != rules+"}" {
		t.Errorf("a file was written: %s", raw)
	}
}

func TestSources_ofAFolderAreItsPolicyFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.hujson", "a.hujson", ".tailjoin.hujson", "package.json", "version-cache.json", "sub/c.hujson"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sources, err := policy.Sources(dir)
	var names []string
	for _, s := range sources {
		names = append(names, filepath.Base(s.Name))
	}
	if err != nil || strings.Join(names, " ") != "a.hujson b.hujson" {
		t.Errorf("got %v (%v)", names, err)
	}
	for _, path := range []string{filepath.Join(dir, "none"), filepath.Join(dir, "sub", "none", "x"), t.TempDir(), "/dev/zero", ""} {
		_, err := policy.Sources(path)
		wantCode(t, err, "input-invalid")
	}
}

func TestFormat_formatsInPlaceOrOnlyChecks(t *testing.T) {
	tm := newTeam(t)
	ugly := "{\"grants\":[  ], // none\n}"
	tm.write(base, ugly)
	_, err := policy.Format(tm.path, true)
	p := wantCode(t, err, "policy-not-formatted", "b.hujson:1: not formatted")
	if len(p.Places) != 1 {
		t.Errorf("places %v", p.Places)
	}
	if raw, _ := os.ReadFile(filepath.Join(tm.path, "b.hujson")); string(raw) != ugly {
		t.Error("a check wrote the file")
	}
	changed, err := policy.Format(tm.path, false)
	raw, _ := os.ReadFile(filepath.Join(tm.path, "b.hujson"))
	if err != nil || len(changed) != 1 || !strings.Contains(string(raw), "// none") || string(raw) == ugly {
		t.Errorf("formatted %v (%v): %s", changed, err, raw)
	}
	if changed, err := policy.Format(tm.path, true); err != nil || changed != nil {
		t.Errorf("once more: %v, %v", changed, err)
	}
	tm.write("{", base)
	_, err = policy.Format(tm.path, false)
	wantCode(t, err, "policy-invalid")
}
