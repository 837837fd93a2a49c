//go:build linux

package wine

import (
	"os"
	"strings"
	"testing"
)

func TestRun_givesTheCommandEachVariableOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plainTemp)
	got := w.run("run", "--proxy-env", "--", "cmd", "/d", "/c", "set")
	if got.status != 0 {
		t.Fatalf("run ended with %d:\n%s", got.status, got.words)
	}
	seen := map[string]string{}
	for line := range strings.Lines(got.words) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if before, twice := seen[strings.ToUpper(name)]; ok && twice {
			t.Errorf("%s is there twice: %q and %q", name, before, value)
		}
		seen[strings.ToUpper(name)] = value
	}
	bin, rest, _ := strings.Cut(seen["PATH"], ";")
	if !strings.HasSuffix(bin, `\bin`) || !strings.Contains(strings.ToLower(rest), `c:\windows\system32`) {
		t.Errorf("PATH is %q", seen["PATH"])
	}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "TAILJOIN_HTTP_PROXY"} {
		if !strings.HasPrefix(seen[name], "http://127.0.0.1:") {
			t.Errorf("%s is %q", name, seen[name])
		}
	}
	w.wantNothingLeft()
}

func TestRun_findsTailscaleAndEndsAsTheCommandDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plainTemp)
	got := w.run("run", "--", "cmd", "/d", "/c", "tailscale status --json && exit 7")
	wantWords(t, got, `"BackendState": "Running"`)
	if got.status != 7 {
		t.Errorf("run ended with %d", got.status)
	}
	w.wantNothingLeft()
}

func TestRun_takesItsDaemonWithItWhenItIsKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, plainTemp)
	w.write(w.temp+`\wait.cmd`, "@echo started> "+w.temp+"\\started\r\n@ping -n 60 127.0.0.1\r\n")
	run := w.tailjoin("run", "--", "cmd", "/d", "/c", w.temp+`\wait.cmd`)
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	w.wait("the command", func() bool { _, err := os.Stat(w.File(w.temp + `\started`)); return err == nil })
	run.Process.Kill()
	run.Wait()
	w.wait("the end of the daemon", func() bool { return len(w.Processes("tailscaled.exe")) == 0 })
}
