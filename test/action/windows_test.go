//go:build linux

package action

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Git's sh is the shell of a step on Windows. It gives a script the name by which it was called, backslashes and all, and takes
// D:\a\v1 and D:/a/v1 for the same directory.

// newDrive makes a tree at D:/a/v1, below a directory that plays the machine.
func newDrive(t *testing.T) *script {
	t.Helper()
	s := newScript(t)
	drive := &script{dir: filepath.Join(t.TempDir(), "D:/a/v1"), env: append(s.env, "RUNNER_OS=Windows", "RUNNER_ARCH=X64")}
	drive.put(t, "scripts/run.sh", readFile(t, filepath.Join(s.dir, "scripts/run.sh")))
	drive.put(t, "dist/tailjoin-windows-amd64.exe", windowsProgram)
	return drive
}

// machine is the directory that holds D:.
func (s *script) machine() string { return strings.TrimSuffix(s.dir, "/D:/a/v1") }

// Linux takes each name below for one file, or for one directory and more: so it is where the script looks that is tested.
func TestRun_findsItsTreeByAPathOfBackslashes(t *testing.T) {
	names := []string{`D:\a\v1\scripts\run.sh`, `D:\a\v1/scripts/run.sh`, `D:\a/v1/scripts\run.sh`, "D:/a/v1/scripts/run.sh", "./run.sh", "run.sh"}
	for _, shell := range shells(t) {
		for _, name := range names {
			t.Run(strings.Join(append(shell, name), " "), func(t *testing.T) {
				machine := &script{dir: filepath.Join(t.TempDir(), "machine")}
				dir := name[:max(0, strings.LastIndexAny(name, `/\`))]
				tree := filepath.Join(dir, "..")
				machine.put(t, name, readFile(t, filepath.Join(root, "scripts/run.sh")))
				mustMkdir(t, filepath.Join(machine.dir, dir))
				machine.put(t, filepath.Join(tree, "dist/tailjoin-windows-amd64.exe"), windowsProgram)

				cmd := exec.CommandContext(t.Context(), shell[0], append(shell[1:], name, "leave")...)
				cmd.Dir, cmd.Env = machine.dir, []string{"PATH=" + os.Getenv("PATH"), "RUNNER_OS=Windows", "RUNNER_ARCH=X64"}
				out, err := cmd.CombinedOutput()
				if want := "ran leave bundle " + filepath.Join(machine.dir, tree, "dist") + "\n"; string(out) != want || err != nil {
					t.Errorf("got %q, %v, want %q", out, err, want)
				}
			})
		}
	}
}

// Cygwin's sh has paths that no program of Windows knows: /cygdrive/d/a.
func TestRun_tellsTheProgramWhereItsFilesAreInCygwin(t *testing.T) {
	s := newScript(t)
	s.put(t, "dist/tailjoin-windows-amd64.exe", windowsProgram)
	s.put(t, "bin/cygpath", "#!/bin/sh\n[ \"$*\" = '-m .' ] && echo "+s.dir+"/D:/a/v1\n")
	s.put(t, "D:/a/v1/dist/tailjoin-windows-amd64.exe", windowsProgram)
	s.env = append(s.env, "RUNNER_OS=Windows", "RUNNER_ARCH=X64", "PATH="+filepath.Join(s.dir, "bin")+":"+os.Getenv("PATH"))
	s.want(t, "leave", 0, "ran leave bundle "+s.dir+"/D:/a/v1/dist\n")
}

const windowsProgram = "#!/bin/sh\nprintf '%s\\n' \"ran $* bundle $TAILJOIN_BUNDLE\"\n"

// shells are the shells of this machine that can run any script of ours.
func shells(t *testing.T) (found [][]string) {
	t.Helper()
	for _, shell := range [][]string{{"dash"}, {"bash"}, {"bash", "--posix"}, {"busybox", "sh"}} {
		if _, err := exec.LookPath(shell[0]); err == nil {
			found = append(found, shell)
		}
	}
	if len(found) == 0 {
		t.Fatal("this machine has no shell that the test knows")
	}
	return found
}

// The program gets the PATH that the step had, whatever the script needed itself.
func TestRun_givesTheProgramThePATHOfTheStep(t *testing.T) {
	s := newScript(t)
	path := toolbox(t, "curl")
	s.env = append(s.env, "RUNNER_OS=Windows", "RUNNER_ARCH=X64", "PATH="+path)
	const name, content = "tailjoin-windows-amd64.exe", "#!/bin/sh\necho \"path $PATH\"\n"
	s.release(t, content).serve(name, content)
	s.put(t, "dist/SHA256SUMS", sum(content)+"  "+name+"\n")
	out, exit := s.run(t, "join")
	if want := "path " + path + "\n"; exit != 0 || !strings.HasSuffix(out, want) {
		t.Errorf("got exit status %d and %q, want it to end with %q", exit, out, want)
	}
}

func TestRun_fetchesFromADirectory(t *testing.T) {
	for _, mirror := range []string{"", "D:/", `D:\`} {
		t.Run("mirror "+mirror, func(t *testing.T) {
			s := newScript(t)
			s.release(t, binary).Close()
			if mirror == "" {
				mirror = s.dir + "/"
			}
			mirror += "mirror"
			local := strings.TrimPrefix(mirror, s.dir+"/")
			s.put(t, local+"/v1.2.3/"+asset, binary)
			s.put(t, local+"/v1.2.3/"+daemon, "the daemon")
			cmd := exec.CommandContext(t.Context(), "scripts/run.sh", "join")
			cmd.Dir, cmd.Env = s.dir, append(s.env, "PATH="+toolbox(t), "TAILJOIN_RELEASES="+mirror)
			if out, err := cmd.CombinedOutput(); err != nil || !strings.HasSuffix(string(out), "ran join bundle dist\n") {
				t.Errorf("got %v and\n%s", err, out)
			}
		})
	}
}

// onWindows is loaded before a script of the hook, and lets node take this machine for Windows: paths have backslashes, and what is
// called D:\a is D:/a in the working directory.
const onWindows = `
Object.defineProperty(process, 'platform', { value: 'win32' });
const { createRequire, Module } = require('node:module');
const load = Module._load;
const here = (name) => String(name).replaceAll('\\', '/');
const fs = load('node:fs'), child = load('node:child_process'), path = load('node:path');
const over = (module, name, change) => {
  const original = module[name];
  module[name] = (file, ...rest) => original(change(file), ...rest);
};
over(fs, 'existsSync', here);
over(fs, 'mkdtempSync', here);
over(child, 'spawn', (file) => './' + here(file));
Module._load = (name, ...rest) => (name === 'node:path' ? path.win32 : load(name, ...rest));
`

// A windows machine has drives below a directory: Git on C: and the action on D:.
type windows struct{ *script }

func newWindows(t *testing.T, git ...string) windows {
	t.Helper()
	w := windows{newDrive(t)}
	for _, program := range git {
		w.put(t, "../../../"+strings.ReplaceAll(program, `\`, "/"), "#!/bin/sh\nexec /bin/sh \"$@\"\n")
	}
	return w
}

// node runs a script of the hook.
func (w windows) node(t *testing.T, name string, env ...string) (string, int) {
	t.Helper()
	fake := filepath.Join(w.machine(), "onwindows.js")
	writeFile(t, fake, onWindows)
	cmd := exec.CommandContext(t.Context(), nodeProgram(t), "--require", fake, absolute(t, filepath.Join(root, "post", name)))
	cmd.Dir = w.machine()
	cmd.Env = append([]string{"RUNNER_OS=Windows", "RUNNER_ARCH=X64"}, env...)
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

const post = `STATE_environment={"names":["RUNNER_OS","RUNNER_ARCH"],"values":`

func TestHookPost_findsTheShellOnWindows(t *testing.T) {
	tests := map[string]struct {
		git  []string // the programs that there are
		path string
	}{
		"sh on PATH":              {[]string{`C:\msys64\usr\bin\sh.exe`}, `C:\Windows\system32;C:\msys64\usr\bin`},
		"Git's cmd on PATH":       {[]string{`C:\Tools\Git\cmd\git.exe`, `C:\Tools\Git\bin\sh.exe`}, `C:\Windows\system32;C:\Tools\Git\cmd`},
		"Git's mingw64 on PATH":   {[]string{`C:\Tools\Git\mingw64\bin\git.exe`, `C:\Tools\Git\bin\sh.exe`}, `C:\Tools\Git\mingw64\bin`},
		"a Git without bin":       {[]string{`C:\Tools\Git\cmd\git.exe`, `C:\Tools\Git\usr\bin\sh.exe`}, `C:\Tools\Git\cmd`},
		"nothing on PATH":         {[]string{`C:\Program Files\Git\bin\sh.exe`}, `C:\Windows\system32`},
		"a relative name on PATH": {[]string{`D:\sh.exe`, `C:\Program Files\Git\bin\sh.exe`}, `D:;.`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWindows(t, tt.git...)
			out, exit := w.node(t, "post.js", `STATE_session=D:\a\_temp\tj-1`, `STATE_root=D:\a\v1`, "Path=evil",
				post+`{"ProgramFiles":"C:\\Program Files","Path":"`+strings.ReplaceAll(tt.path, `\`, `\\`)+`"}}`)
			if exit != 0 || !strings.HasPrefix(out, "ran leave bundle ") {
				t.Errorf("got exit status %d and %q, want a leave", exit, out)
			}
		})
	}
}

func TestHookPost_saysThatWindowsHasNoShell(t *testing.T) {
	w := newWindows(t, `C:\Tools\git.exe`)
	out, exit := w.node(t, "post.js", `STATE_session=D:\a\_temp\tj-1`, `STATE_root=D:\a\v1`, post+`{"PATH":"C:\\Tools"}}`)
	if exit != 1 || !strings.HasPrefix(out, "::error title=tailjoin::this job's node was not logged out: no sh.exe") || strings.Count(out, "\n") != 1 {
		t.Errorf("got exit status %d and\n%s", exit, out)
	}
}

// The runner looks for `sh` on PATH, where Git's installer puts only its cmd by default.
func TestHook_offersTheShellToTheRunnerOnWindows(t *testing.T) {
	tests := map[string]struct {
		git  []string
		path string
		want string
	}{
		"sh on PATH":        {[]string{`C:\Git\usr\bin\sh.exe`}, `C:\Git\usr\bin`, ""},
		"Git's cmd on PATH": {[]string{`C:\Git\cmd\git.exe`, `C:\Git\bin\sh.exe`}, `C:\Git\cmd`, `C:\Git\bin` + "\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWindows(t, tt.git...)
			mustMkdir(t, filepath.Join(w.machine(), `D:/temp`))
			out, exit := w.node(t, "main.js", `GITHUB_ACTION_PATH=D:\a\v1`, `RUNNER_TEMP=D:\temp`, "Path="+tt.path,
				"GITHUB_PATH=path", "GITHUB_STATE=state", "GITHUB_OUTPUT=output")
			got, _ := os.ReadFile(filepath.Join(w.machine(), "path"))
			if diff := cmp.Diff(tt.want, string(got)); exit != 0 || diff != "" {
				t.Errorf("exit status %d\n%s\nGITHUB_PATH (-want +got):\n%s", exit, out, diff)
			}
		})
	}
	w := newWindows(t)
	out, exit := w.node(t, "main.js", `RUNNER_TEMP=D:\temp`, `Path=C:\`)
	if exit != 1 || !strings.Contains(out, "install Git for Windows") || strings.Count(out, "\n") != 1 {
		t.Errorf("without a shell: got exit status %d and\n%s", exit, out)
	}
}

// Git on Windows writes CRLF into a checkout, unless an attribute says otherwise.
func TestCheckout_hasLFOnWindows(t *testing.T) {
	dir := t.TempDir() + "/"
	if _, err := command(root, "git", "-c", "core.autocrlf=true", "-c", "core.eol=crlf", "checkout-index", "--all", "--prefix="+dir); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		files++
		if strings.Contains(readFile(t, path), "\r\n") {
			t.Errorf("%s has CRLF", strings.TrimPrefix(path, dir))
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Errorf("%d files were checked out, %v", files, err)
	}
}
