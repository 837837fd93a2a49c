//go:build linux

package wine

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const plainTemp = `C:\actions\_temp`

func TestJoin_reachesAPeerByItsProxiesAndLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plainTemp)
	w.mustPeer()
	began := time.Now()
	out := w.mustJoin("--ping=my-server", "--wait-for=my-server:80")
	t.Logf("join took %v: %s", time.Since(began), out["milliseconds"])
	for name, want := range map[string]string{"network": "userspace", "version": daemonVersion} {
		if out[name] != want {
			t.Errorf("output %s is %q, want %q", name, out[name], want)
		}
	}
	if !strings.HasPrefix(out["socket"], `\\.\pipe\tailjoin-`) || out["ipv4"] == "" {
		t.Errorf("outputs %v", out)
	}
	for _, proxy := range []string{out["socks5-proxy"], out["http-proxy"]} {
		page, err := exec.Command("curl", "-sS", "--max-time", "10", "--proxy", proxy, "http://my-server/").CombinedOutput()
		if err != nil || !strings.Contains(string(page), "tag:ci") {
			t.Errorf("by %s: %v\n%s", proxy, err, page)
		}
	}
	w.mustLeave()
	w.wantNothingLeft()
	wantWords(t, w.run("leave"), "nothing to leave")
}

func TestJoin_givesLaterStepsTailscaleAndTailjoin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plainTemp)
	w.mustJoin()
	path := strings.TrimSpace(w.read(w.temp + `\path`))
	if path != w.session+`\bin` {
		t.Errorf("the PATH of later steps gets %q", path)
	}
	w.vars["WINEPATH"] = path + `;C:\windows\system32`
	w.write(w.temp+`\step.cmd`, "@tailscale status --json\r\n@echo went on, %ERRORLEVEL%\r\n@tailscale serve\r\n@echo refused, %ERRORLEVEL%\r\n@tailjoin version\r\n")
	got := finish(w.t, w.command(`C:\windows\system32\cmd.exe`, "/d", "/c", w.temp+`\step.cmd`))
	wantWords(t, got, `"BackendState": "Running"`, "went on, 0", "has no 'serve'", "refused, 1", "tailjoin unreleased")
	w.mustLeave()
	w.wantNothingLeft()
}

func TestLeave_afterAJoinThatWasKilled(t *testing.T) {
	t.Parallel()
	for name, op := range map[string]string{"before it had a key": "keys", "in its login": "register"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, plainTemp)
			w.delay(op, 2*time.Second)
			join := w.tailjoin("join")
			if err := join.Start(); err != nil {
				t.Fatal(err)
			}
			w.mustRun("tailscaled.exe")
			w.mustAsk(op)
			join.Process.Kill()
			join.Wait()
			w.delay(op, 0)
			w.mustLeave()
			w.wantNothingLeft()
		})
	}
}

// A join that still runs is ended first.
func TestLeave_endsAJoinThatStillRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plainTemp)
	w.delay("register", 2*time.Second)
	join := w.tailjoin("join")
	if err := join.Start(); err != nil {
		t.Fatal(err)
	}
	w.mustAsk("register")
	w.mustLeave()
	if err := join.Wait(); err == nil {
		t.Error("the join had success")
	}
	w.wantNothingLeft()
}

func TestLeave_whoseRecordAStepRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plainTemp)
	w.mustJoin()
	w.remove(w.session + `\session.jsonl`)
	wantWords(t, w.run("leave"), "its daemon was found by name and ended")
	w.wantNothingLeft()
}

func TestLeave_afterTheDaemonWasKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plainTemp)
	w.mustJoin()
	w.killDaemon()
	w.mustLeave()
	w.wantNothingLeft()
}

// The directories of the sessions have the same name, and all pipes of a machine share one directory.
func TestJoin_twoSessionsAtATime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plainTemp)
	first := w.mustJoin()
	w.session = `C:\actions\other\session`
	w.vars["TAILJOIN_SESSION"] = w.session
	w.write(w.temp+`\output`, "")
	second := w.mustJoin()
	if first["socket"] == second["socket"] || first["node-id"] == second["node-id"] {
		t.Errorf("both joins are %v", second)
	}
	w.mustLeave()
	if nodes := w.jobNodes(); len(nodes) != 1 {
		t.Errorf("after the second left: %v", nodes)
	}
	w.session = filepath.ToSlash(plainTemp) + "/session"
	w.vars["TAILJOIN_SESSION"] = w.session
	w.mustLeave()
	w.wantNothingLeft()
}
