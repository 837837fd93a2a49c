//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// onGitLab makes the world's job one of GitLab's, by what its variables say. Its
// session is where the platform puts it, in a directory that test/fronts knows
// for ours.
func (w *world) onGitLab(id string) (tempDir string) {
	w.t.Helper()
	id = "e2e-" + id
	tempDir = "/tmp/tailjoin-" + id
	w.t.Cleanup(func() { os.RemoveAll(tempDir) })
	for _, name := range []string{"GITHUB_ACTIONS", "TAILJOIN_SESSION"} {
		delete(w.vars, name)
	}
	w.vars["GITLAB_CI"], w.vars["CI_JOB_ID"], w.vars["TAILJOIN_ID_TOKEN_SOURCE"] = "true", id, "github"
	w.session = filepath.Join(tempDir, "tailjoin")
	return tempDir
}

func TestJoin_envFile_tellsTheRestOfTheScript(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.mustPeer(localtailnet.PeerOptions{})
	tempDir := w.onGitLab("env-file")
	file := filepath.Join(w.dir, "env")
	w.vars["TAILJOIN_ENV_FILE"], w.vars["TAILJOIN_PROXY_ENV"] = file, "true"
	if got := w.run("join", "--network=userspace", "--wait-for=my-server:80"); got.status != 0 || strings.Contains(got.words, "ipv4=") {
		t.Fatalf("join ended with %d:\n%s", got.status, got.words)
	}

	script := w.command("sh", "-ec", `. "$TAILJOIN_ENV_FILE"
		curl -sS --max-time 10 http://my-server/
		tailscale status | grep -o my-server | head -1
		echo "$TAILJOIN_IPV4 $TAILJOIN_NODE_NETWORK"`)
	got := w.finish(script)
	if got.status != 0 || !strings.Contains(got.words, "Hello from my-server") || !strings.Contains(got.words, "\nmy-server\n100.") || !strings.Contains(got.words, " userspace\n") {
		t.Errorf("the script ended with %d:\n%s", got.status, got.words)
	}

	delete(w.vars, "TAILJOIN_ENV_FILE") // after_script is another shell
	w.mustLeave()
	w.wantNothingLeft()
	if exists(tempDir) {
		t.Errorf("%s is left", tempDir)
	}
}

func TestJoin_proxyEnv_isForLaterStepsUntilTheLeave(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.mustPeer(localtailnet.PeerOptions{})
	file := filepath.Join(w.dir, "env")
	w.vars["GITHUB_ENV"] = file
	w.vars["no_proxy"] = "registry.internal"
	out := w.mustJoin("--network=userspace", "--proxy-env", "--wait-for=my-server:80")
	w.takeVariables(file)
	if w.vars["HTTP_PROXY"] != out["http-proxy"] || w.vars["all_proxy"] != out["socks5-proxy"] || w.vars["NO_PROXY"] != "localhost,127.0.0.1,::1,registry.internal" {
		t.Errorf("variables %v, outputs %v", w.vars, out)
	}
	if got := w.finish(w.command("curl", "-sS", "--max-time", "10", "http://my-server/")); !strings.Contains(got.words, "Hello from my-server") {
		t.Errorf("curl ended with %d:\n%s", got.status, got.words)
	}
	w.mustLeave()
	w.takeVariables(file)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "TAILJOIN_HTTP_PROXY"} {
		if w.vars[name] != "" {
			t.Errorf("later steps still have %s=%s", name, w.vars[name])
		}
	}
	w.wantNothingLeft()
}

// takeVariables reads GITHUB_ENV as the runner does after a step: NAME<<DELIMITER,
// value, DELIMITER.
func (w *world) takeVariables(file string) {
	w.t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	for entry := range slices.Chunk(strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n"), 3) {
		name, _, _ := strings.Cut(entry[0], "<<")
		w.vars[name] = entry[1]
	}
}

// With a network interface nothing needs a proxy.
func TestJoin_tun_proxyEnv_setsNone(t *testing.T) {
	w := newWorld(t, localtailnet.Options{})
	file := filepath.Join(w.dir, "env")
	w.vars["GITHUB_ENV"] = file
	w.mustJoin("--network=tun", "--proxy-env")
	if raw, _ := os.ReadFile(file); len(raw) > 0 {
		t.Errorf("later steps were given %q", raw)
	}
	w.mustLeave()
	w.wantNothingLeft()
}
