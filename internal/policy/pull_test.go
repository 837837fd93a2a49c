package policy_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/diag"
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
	for _, name := range []string{"b.hujson", "a.hujson", ".tailjoin.hujson", "package.json", "version-cache.json", "sub/README.md"} {
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
	if got := policy.Ignored(dir); !slices.Equal(got, []string{".tailjoin.hujson", "package.json"}) {
		t.Errorf("ignored are %v", got)
	}
	for _, path := range []string{filepath.Join(dir, "none"), filepath.Join(dir, "sub", "none", "x"), t.TempDir(), "/dev/zero", ""} {
		_, err := policy.Sources(path)
		wantCode(t, err, "input-invalid")
	}
}

// Rules in a folder in the folder would be dropped, and so taken from the tailnet.
func TestSources_refuseAFolderWithPolicyFilesBelow(t *testing.T) {
	for _, below := range []string{"sub/c.hujson", "sub/departments/c.hujson", "sub/a/b/c/d/e.hujson", "sub/a.hujson/c.hujson"} {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, below)), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"a.hujson", below} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("{}"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		_, err := policy.Sources(dir)
		wantCode(t, err, "input-invalid", "the folder sub in it has files *.hujson")
	}
}

// What only looks like a part of the policy is named.
func TestIgnored_namesWhatLooksLikeAPolicy(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.hujson", "B.HUJSON", "c.json", "d.jsonc", ".e.hujson", "README.md", "version-cache.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := policy.Ignored(dir), []string{".e.hujson", "B.HUJSON", "c.json", "d.jsonc"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// What a pull request makes of the files: links out of the repository, pipes,
// devices, files without an end.
func TestSources_areRegularFilesOfTheRepository(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links are for administrators")
	}
	t.Chdir(t.TempDir())
	outside := filepath.Join(t.TempDir(), "config.json")
	const secret = `{"auths": {"ghcr.io": {"auth": "aHVudGVyMg"}}}`
	if err := os.WriteFile(outside, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	tm := newTeam(t)
	for name, put := range map[string]func(path string) error{
		"a link out of it": func(path string) error { return os.Symlink(outside, path) },
		"a link to no end": func(path string) error { return os.Symlink("/dev/zero", path) },
		"a pipe":           func(path string) error { return exec.Command("mkfifo", path).Run() },
		"a long file":      func(path string) error { return errors.Join(os.WriteFile(path, nil, 0o644), os.Truncate(path, 1<<40)) },
	} {
		for _, path := range []string{"policy.hujson", "policies/a.hujson"} {
			os.RemoveAll("policies")
			os.Remove("policy.hujson")
			if err := os.Mkdir("policies", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := put(path); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, named := range []string{path, filepath.Dir(path)} {
				_, err := policy.Sources(named)
				wantCode(t, err, "input-invalid")
				if text := diag.As(err).Text(); strings.Contains(text, "ghcr.io") {
					t.Errorf("%s: %s", name, text)
				}
				_, err = policy.Format(named, false)
				wantCode(t, err, "input-invalid")
				_, err = tm.open(t.Context()).Pull(t.Context(), named)
				wantCode(t, err, "input-invalid")
			}
		}
	}
	if err := os.Symlink(outside, "version-cache.json"); err != nil {
		t.Fatal(err)
	}
	m := policy.InFile("version-cache.json")
	_, err := m.Load(t.Context())
	wantCode(t, err, "input-invalid")
	if err := m.Save(t.Context(), "etag"); err == nil {
		t.Error("what was applied was written by a link out of the repository")
	}
	if raw, err := os.ReadFile(outside); err != nil || string(raw) != secret {
		t.Errorf("it holds %s, %v", raw, err)
	}
}

// All files of a folder together are no longer than one may be.
func TestSources_areNotTooLongTogether(t *testing.T) {
	dir := t.TempDir()
	for i := range 20 {
		name := filepath.Join(dir, fmt.Sprintf("%d.hujson", i))
		if err := errors.Join(os.WriteFile(name, nil, 0o644), os.Truncate(name, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := policy.Sources(dir)
	wantCode(t, err, "input-invalid", "too long")
	for i := range 1001 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.hujson", i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, err = policy.Sources(dir)
	wantCode(t, err, "input-invalid", "too many files")
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

// On Windows git writes CRLF into a checkout, and takes it out again.
func TestFormat_keepsTheLineEndsOfTheFile(t *testing.T) {
	ugly := "{\n\t// who\n\"grants\":[  ], // none\n}\n"
	pretty := "{\n\t// who\n\t\"grants\": [], // none\n}\n"
	withCR := func(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }
	for name, tt := range map[string]struct{ text, check, want string }{
		"LF":                 {pretty, "", pretty},
		"CRLF":               {withCR(pretty), "", withCR(pretty)},
		"CRLF, unformatted":  {withCR(ugly), "policy.hujson:3: not formatted", withCR(pretty)},
		"mixed":              {strings.Replace(pretty, "\n", "\r\n", 1), "policy.hujson: some lines end with CRLF, others with LF", pretty},
		"mixed, unformatted": {strings.Replace(ugly, "\n", "\r\n", 1), "policy.hujson:3: not formatted", pretty},
	} {
		t.Run(name, func(t *testing.T) {
			tm := newTeam(t)
			tm.write(tt.text)
			if _, err := policy.Format(tm.path, true); tt.check != "" {
				wantCode(t, err, "policy-not-formatted", tt.check)
			} else if err != nil {
				t.Errorf("a check: %v", err)
			}
			changed, err := policy.Format(tm.path, false)
			got, _ := os.ReadFile(tm.path)
			if err != nil || string(got) != tt.want || (len(changed) > 0) != (tt.check != "") {
				t.Errorf("changed %v, %v: %q, want %q", changed, err, got, tt.want)
			}
		})
	}
}

// A checkout on Windows is the same policy as one on Linux.
func TestSources_haveLFWhateverTheCheckout(t *testing.T) {
	tm := newTeam(t)
	text := "{\n\t// one\n\t// two\n\t\"grants\": [],\n}\n"
	tm.write(strings.ReplaceAll(text, "\n", "\r\n"))
	sources, err := policy.Sources(tm.path)
	if err != nil || len(sources) != 1 || string(sources[0].Text) != text {
		t.Errorf("got %v, %v", sources, err)
	}
}
