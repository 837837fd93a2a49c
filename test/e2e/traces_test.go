//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/tailscaled"
)

// traces are all that a join could leave: of the machine, on the tailnet, in
// the job's directory. Two of them can be compared.
func (w *world) traces() map[string]string {
	w.t.Helper()
	traces := map[string]string{
		"processes": strings.Join(processes(), "\n"),
		"nodes":     strings.Join(w.jobNodes(), "\n"),
		"files":     strings.Join(w.files(), "\n"),
	}
	for _, key := range w.Keys() {
		if key.Usable(time.Now()) {
			traces["keys"] += fmt.Sprintf("%s %s\n", key.ID, key.Description)
		}
	}
	maps.Copy(traces, network(w.t))
	w.look(traces)
	return traces
}

// processes are the command lines of this machine's processes, but for the
// first and this one.
func processes() (lines []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		line, err := os.ReadFile(file)
		if err != nil || pid == 1 || pid == os.Getpid() || hasEnded(pid) || endsByItself(pid, line) {
			continue
		}
		lines = append(lines, string(bytes.ReplaceAll(line, []byte{0}, []byte(" "))))
	}
	return lines
}

// hasEnded reports a process that has ended and that the machine's first process
// is about to bury.
func hasEnded(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err != nil || bytes.Contains(status, []byte("\nState:\tZ"))
}

// endsByItself waits for what a process that was killed had asked another: its
// version, or what root may do.
func endsByItself(pid int, line []byte) bool {
	question := bytes.HasSuffix(line, []byte("\x00--version\x00")) || bytes.HasSuffix(line, []byte("\x00root\x00check\x00"))
	return question && tailscaled.AwaitExit(pid, 5*time.Second)
}

// files are those of the job, but for what the cache is kept for.
func (w *world) files() (paths []string) {
	err := filepath.WalkDir(w.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == w.cache() {
			paths = append(paths, inProgress(path)...)
			return fs.SkipDir
		}
		paths = append(paths, path)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return paths
}

// inProgress are the files of a cache that no finished process leaves there.
func inProgress(cache string) []string {
	hidden, _ := filepath.Glob(filepath.Join(cache, ".*"))
	return hidden
}

// reached says what a process that was killed had done, by what it left.
func (w *world) reached(d death) string {
	switch {
	case !d.killed:
		return "was asked only, and came to its end"
	case d.verb == "leave":
		return w.undone()
	}
	return w.done()
}

// done is how far a join came.
func (w *world) done() string {
	var session struct {
		Key struct {
			Tries int
			ID    string
		}
		Daemon struct {
			Started bool
			PID     int
		}
		Login bool
		Node  string
		Links []any
	}
	raw, err := os.ReadFile(filepath.Join(w.session, "session.jsonl"))
	if err != nil || len(raw) == 0 {
		return "no session"
	}
	if err := json.Unmarshal(raw[bytes.LastIndexByte(raw, '\n')+1:], &session); err != nil {
		w.t.Fatal(err)
	}
	switch {
	case session.Links != nil:
		return "joined, tailscale linked"
	case session.Node != "":
		return "joined"
	case session.Login && len(w.jobNodes()) > 0:
		return "logs in, node known to control"
	case session.Login:
		return "logs in"
	}
	return w.key(session.Key.Tries, session.Key.ID) + "; " + w.daemon(session.Daemon.Started, session.Daemon.PID)
}

func (w *world) key(tries int, id string) string {
	switch {
	case id != "":
		return "key"
	case tries > 0 && w.unused() > 0:
		return "key asked for and minted"
	case tries > 0:
		return "key asked for"
	}
	return "no key"
}

func (w *world) unused() (n int) {
	for _, key := range w.Keys() {
		if key.Usable(time.Now()) {
			n++
		}
	}
	return n
}

func (w *world) daemon(noted bool, pid int) string {
	runs := len(processesNamed(w.daemonName())) > 0
	switch {
	case pid != 0:
		return "daemon"
	case runs:
		return "daemon runs, its number not noted"
	case noted:
		return "daemon about to start"
	case inProgress(w.cache()) != nil:
		return "unpacking"
	}
	return "no daemon"
}

// undone is how far a leave came.
func (w *world) undone() string {
	exists := func(name string) bool {
		_, err := os.Lstat(filepath.Join(w.session, name))
		return err == nil
	}
	switch {
	case len(w.jobNodes()) > 0:
		return "node still there"
	case len(processesNamed(w.daemonName())) > 0:
		return "no node, daemon still there"
	case exists("session.jsonl") && exists("tailscaled"):
		return "no daemon, files still there"
	case exists(""):
		return "files partly removed"
	}
	return "nothing left to do"
}
