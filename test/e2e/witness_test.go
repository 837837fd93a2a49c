//go:build linux

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// A witness sees what there is to see on the machine while a job runs: all
// processes' command lines and environments, and files.
type witness struct {
	world *world
	seen  map[sight]bool
	end   func()
}

// A sight is one thing that was seen.
type sight struct {
	kind    string // "command line", "environment" or "file"
	of      string // the program, or the file
	line    string // the command line, its words ended by zero bytes
	content string
}

// watchMachine has a witness look as often as it can, until its end is called.
func (w *world) watchMachine() *witness {
	ctx, cancel := context.WithCancel(context.Background())
	witness := &witness{world: w, seen: map[sight]bool{}}
	var looking sync.WaitGroup
	looking.Go(func() {
		for {
			witness.lookAtProcesses()
			witness.lookAtFiles()
			if ctx.Err() != nil {
				return
			}
		}
	})
	witness.end = func() { cancel(); looking.Wait() }
	w.t.Cleanup(witness.end)
	return witness
}

func (s *witness) lookAtProcesses() {
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range processes {
		line, _ := os.ReadFile(process + "/cmdline")
		program, _ := os.Readlink(process + "/exe")
		environ, _ := os.ReadFile(process + "/environ")
		if again, _ := os.ReadFile(process + "/cmdline"); len(line) == 0 || !bytes.Equal(line, again) {
			continue // in the middle of an exec: what was read belongs to two programs
		}
		s.seen[sight{"command line", program, string(line), string(line)}] = true
		s.seen[sight{"environment", program, string(line), string(environ)}] = true
	}
}

func (s *witness) lookAtFiles() {
	for _, dir := range []string{s.world.dir, "/run", "/var/lib/tailscale"} {
		filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() && entry.Name() != "tailscaled" {
				content, _ := os.ReadFile(path) // gone meanwhile: nothing
				s.seen[sight{kind: "file", of: path, content: string(content)}] = true
			}
			return nil
		})
	}
}

// leaks are the places where a secret was to be seen, other than the
// environment in which the runner gave it to tailjoin.
func (s *witness) leaks() (places []string) {
	for _, secret := range s.world.secrets() {
		for seen := range s.seen {
			if strings.Contains(seen.content, secret.telling) && !(secret.given && seen.isOfTheJob()) {
				places = append(places, fmt.Sprintf("%v is in the %s of %s (%q)", secret, seen.kind, seen.of, seen.line))
			}
		}
	}
	return places
}

// isOfTheJob says whether this is the environment of tailjoin as the runner
// starts it. That of `tailjoin root` is not: sudo starts it.
func (s sight) isOfTheJob() bool {
	words := strings.Split(s.line, "\x00")
	return s.kind == "environment" && len(words) > 1 &&
		(words[0] == os.Getenv(tailjoin) && slices.Contains([]string{"join", "leave", "run", "authkey", "doctor"}, words[1]) || words[0] == asRunner[0])
}

// A handedOut secret, and the part that nobody may see: a token's signature,
// the end of a key.
type handedOut struct {
	whole, telling string
	given          bool // by the runner, in the environment
}

// String is enough to know which it is.
func (s handedOut) String() string {
	return fmt.Sprintf("a secret of %d characters, %.9s…%s", len(s.whole), s.whole, s.whole[len(s.whole)-4:])
}

func (w *world) secrets() (secrets []handedOut) {
	for _, secret := range w.Secrets() {
		end := strings.LastIndexByte(secret, '-')
		if strings.HasPrefix(secret, "eyJ") { // a JWT, which may have a - anywhere
			end = strings.LastIndexByte(secret, '.')
		}
		s := handedOut{whole: secret, telling: secret[end+1:]}
		for _, value := range w.vars {
			s.given = s.given || strings.Contains(value, secret)
		}
		secrets = append(secrets, s)
	}
	return secrets
}
