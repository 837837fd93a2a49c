//go:build linux

package action

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/test/platforms"
)

// These tests run scripts/run.sh in trees of their own, whose "binary" is a script that says what it was run with.
// The platform is darwin/arm64 by its variables: run.sh believes them, as it must in a job.

const (
	asset  = "tailjoin-darwin-arm64"
	daemon = "tailscaled-darwin-arm64.zst"
	binary = "#!/bin/sh\necho \"ran $* bundle ${TAILJOIN_BUNDLE##*/}\"\n"
)

func TestRun_takesTheBinaryThatTheCommitCarries(t *testing.T) {
	for _, p := range platforms.All(t, root) {
		t.Run(p.OS+" "+p.Runner, func(t *testing.T) {
			s := newScript(t)
			s.put(t, "dist/"+p.Program(), binary)
			s.env = append(s.env, "RUNNER_OS="+p.RunnerOS(), "RUNNER_ARCH="+p.Runner)
			s.want(t, "join", 0, "ran join bundle dist\n")
		})
		for _, machine := range p.Machines { // not a runner: the machine's own words
			for _, system := range p.Systems() {
				t.Run(system+" "+machine, func(t *testing.T) {
					s := newScript(t)
					s.put(t, "dist/"+p.Program(), binary)
					s.put(t, "bin/uname", "#!/bin/sh\n[ $1 = -m ] && echo "+machine+" || echo "+system+"\n")
					s.env = append(s.env, "PATH="+filepath.Join(s.dir, "bin")+":"+os.Getenv("PATH"), "RUNNER_OS=", "RUNNER_ARCH=")
					s.want(t, "join", 0, "ran join bundle dist\n")
				})
			}
		}
	}
}

func TestRun_fetchesWhatTheCommitNames(t *testing.T) {
	for _, tool := range []string{"curl", "wget"} {
		t.Run(tool, func(t *testing.T) {
			s := newScript(t)
			s.env = append(s.env, "PATH="+toolbox(t, tool))
			r := s.release(t, binary)

			s.want(t, "join", 0, "fetching "+r.URL+"/v1.2.3/"+asset+"\nfetching "+r.URL+"/v1.2.3/"+daemon+"\nran join bundle dist\n")
			s.want(t, "leave", 0, "ran leave bundle dist\n")
			if got := readFile(t, filepath.Join(s.dir, "dist", daemon)); got != "the daemon" {
				t.Errorf("daemon in the bundle: got %q", got)
			}
		})
	}
}

func TestRun_fetchesAProgramThatGzipPacked(t *testing.T) {
	s := newScript(t)
	r := s.release(t, binary)
	r.pack(t, s, binary)
	s.want(t, "join", 0, "fetching "+r.URL+"/v1.2.3/"+asset+".gz\nfetching "+r.URL+"/v1.2.3/"+daemon+"\nran join bundle dist\n")
	s.wantFiles(t, "SHA256SUMS", "release", asset, daemon)
}

func TestRun_fetchesAPlainProgramWhereNothingUnpacks(t *testing.T) {
	s := newScript(t)
	s.env = append(s.env, "PATH="+toolbox(t, "curl"))
	r := s.release(t, binary)
	r.pack(t, s, binary)
	s.want(t, "join", 0, "fetching "+r.URL+"/v1.2.3/"+asset+"\nfetching "+r.URL+"/v1.2.3/"+daemon+"\nran join bundle dist\n")
}

// Neither is unpacked what is not the release's, nor run what unpacks to something else.
func TestRun_refusesAnotherPackedFile(t *testing.T) {
	for name, serve := range map[string]func(t *testing.T, s *script, r *releases){
		asset + ".gz": func(t *testing.T, s *script, r *releases) {
			r.pack(t, s, binary)
			r.serve(asset+".gz", gzipped(t, "#!/bin/sh\necho stolen\n"))
		},
		asset: func(t *testing.T, s *script, r *releases) { r.pack(t, s, "#!/bin/sh\necho stolen\n") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t)
			r := s.release(t, binary)
			serve(t, s, r)
			out, exit := s.run(t, "join")
			if exit != 1 || !strings.Contains(out, name+" from "+r.URL) || !strings.Contains(out, "is not the file that this commit names") {
				t.Errorf("got exit status %d and\n%s", exit, out)
			}
			s.wantFiles(t, "SHA256SUMS", "release")
		})
	}
}

func TestRun_fetchesFromAMirror(t *testing.T) {
	s := newScript(t)
	r := s.release(t, binary)
	s.put(t, "dist/release", "https://releases.invalid/v1.2.3\n")
	s.env = append(s.env, "TAILJOIN_RELEASES="+r.URL)
	s.want(t, "join", 0, "fetching "+r.URL+"/v1.2.3/"+asset+"\nfetching "+r.URL+"/v1.2.3/"+daemon+"\nran join bundle dist\n")
}

func TestRun_refusesAnotherFile(t *testing.T) {
	s := newScript(t)
	r := s.release(t, binary)
	r.serve(asset, "#!/bin/sh\necho stolen\n")

	out, exit := s.run(t, "join")
	if exit != 1 || !strings.Contains(out, asset+" from "+r.URL) || !strings.Contains(out, "is not the file that this commit names") {
		t.Errorf("got exit status %d and\n%s", exit, out)
	}
	s.wantFiles(t, "SHA256SUMS", "release")
}

func TestRun_saysWhenItCannotFetch(t *testing.T) {
	s := newScript(t)
	r := s.release(t, binary)
	r.serve(asset, "")

	out, exit := s.run(t, "join")
	if exit != 1 || !strings.Contains(out, "cannot fetch "+r.URL) || !strings.Contains(out, "TAILJOIN_RELEASES") {
		t.Errorf("got exit status %d and\n%s", exit, out)
	}
}

func TestRun_keepsWhatItFetchedForTheNextJob(t *testing.T) {
	cache := "RUNNER_TOOL_CACHE=" + t.TempDir()
	first := newScript(t)
	first.env = append(first.env, cache)
	r := first.release(t, binary)
	first.run(t, "join")

	next := first.again(t)
	next.want(t, "join", 0, "ran join bundle dist\n")
	if diff := cmp.Diff([]string{asset, daemon}, slices.Sorted(slices.Values(r.requests.All()))); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestRun_doesNotTrustTheToolCache(t *testing.T) {
	cache := t.TempDir()
	first := newScript(t)
	first.env = append(first.env, "RUNNER_TOOL_CACHE="+cache)
	r := first.release(t, binary)
	first.run(t, "join")
	writeFile(t, filepath.Join(cache, "tailjoin", sum(binary)), "#!/bin/sh\necho stolen\n")

	next := first.again(t)
	next.want(t, "join", 0, "fetching "+r.URL+"/v1.2.3/"+asset+"\nran join bundle dist\n")
}

func TestRun_refusesAPlatformWithoutABuild(t *testing.T) {
	s := newScript(t)
	s.release(t, binary)
	s.env = append(s.env, "RUNNER_OS=Windows")
	s.want(t, "join", 1, "tailjoin has no build for windows/arm64 in this release\n")
}

// The join has said so already, and nothing was joined.
func TestRun_leavesAMachineWithoutABuild(t *testing.T) {
	for _, machine := range []string{"RUNNER_ARCH=S390X", "RUNNER_OS=Plan9", "RUNNER_OS=Windows"} {
		t.Run(machine, func(t *testing.T) {
			s := newScript(t)
			s.release(t, binary)
			session := filepath.Join(t.TempDir(), "session")
			mustMkdir(t, session)
			s.env = append(s.env, machine, "TAILJOIN_SESSION="+session)
			out, exit := s.run(t, "leave")
			if exit != 0 || !strings.HasPrefix(out, "nothing to leave: ") {
				t.Errorf("got exit status %d and\n%s", exit, out)
			}
			if _, err := os.Stat(session); !os.IsNotExist(err) {
				t.Error("the session directory is left")
			}
		})
	}
}

func TestRun_saysThatItCannotWriteTheBinary(t *testing.T) {
	s := newScript(t)
	s.release(t, binary)
	dist := filepath.Join(s.dir, "dist")
	if err := syscall.Mount(dist, dist, "", syscall.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(dist, 0) })
	if err := syscall.Mount("", dist, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	out, exit := s.run(t, "join")
	if exit != 1 || !strings.Contains(out, "cannot write to "+dist) {
		t.Errorf("got exit status %d and\n%s", exit, out)
	}
}

func TestRun_saysThatNothingCanVerify(t *testing.T) {
	s := newScript(t)
	s.release(t, binary)
	tools := toolbox(t, "curl")
	if err := os.Remove(filepath.Join(tools, "sha256sum")); err != nil {
		t.Fatal(err)
	}
	s.env = append(s.env, "PATH="+tools)
	out, exit := s.run(t, "join")
	if exit != 1 || !strings.Contains(out, "sha256sum or shasum is needed") {
		t.Errorf("got exit status %d and\n%s", exit, out)
	}
}

func TestRun_speaksToTheJobsLog(t *testing.T) {
	s := newScript(t)
	s.release(t, binary)
	s.env = append(s.env, "RUNNER_ARCH=S390X", "GITHUB_ACTIONS=true")
	s.want(t, "join", 1, "::error title=tailjoin::tailjoin has no build for S390X\n")
}

func TestRun_leavesWithoutABinaryWhenJoinNeverStarted(t *testing.T) {
	s := newScript(t)
	r := s.release(t, binary)
	session := filepath.Join(t.TempDir(), "session")
	mustMkdir(t, session)
	s.env = append(s.env, "TAILJOIN_SESSION="+session)

	s.want(t, "leave", 0, "nothing to leave: the join did not start\n")
	if got := r.requests.All(); len(got) != 0 {
		t.Errorf("it fetched %v", got)
	}
	if _, err := os.Stat(session); !os.IsNotExist(err) {
		t.Error("the session directory is left")
	}
}

func TestRun_fetchesToLeaveWhatWasJoined(t *testing.T) {
	s := newScript(t)
	s.release(t, binary)
	session := t.TempDir()
	writeFile(t, filepath.Join(session, "session.jsonl"), "{}")
	s.env = append(s.env, "TAILJOIN_SESSION="+session)

	out, exit := s.run(t, "leave")
	if exit != 0 || !strings.HasSuffix(out, "ran leave bundle dist\n") {
		t.Errorf("got exit status %d and\n%s", exit, out)
	}
}

func TestRun_buildsTheSourcesOncePerState(t *testing.T) {
	s := newScript(t)
	s.sources(t)
	s.env = append(s.env, "PATH="+toolbox(t, "go"))
	build := "building --only darwin/arm64\n"

	s.want(t, "join", 0, build+"ran join\n")
	s.want(t, "join", 0, "ran join\n")
	s.put(t, "cmd/action/main.go", "package main // edited\n")
	s.want(t, "join", 0, build+"ran join\n")
	s.put(t, "cmd/action/main_test.go", "package main\n")
	s.want(t, "join", 0, "ran join\n")
}

func TestRun_saysWhatItNeedsToBuild(t *testing.T) {
	s := newScript(t)
	s.sources(t)
	s.env = append(s.env, "PATH="+toolbox(t))

	out, exit := s.run(t, "join")
	if exit != 1 || !strings.Contains(out, "actions/setup-go") {
		t.Errorf("got exit status %d and\n%s", exit, out)
	}
}
