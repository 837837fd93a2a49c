package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// started runs the program with these flags; wait ends the test if it fails.
func started(t *testing.T, ctx context.Context, in io.Reader, args ...string) (out *buffer, wait func()) {
	t.Helper()
	out = &buffer{ready: make(chan struct{})}
	done := make(chan error, 1)
	go func() { done <- run(ctx, streams{in, out, io.Discard}, args) }()
	return out, func() {
		t.Helper()
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("it does not end")
		}
	}
}

// A buffer is what was printed; ready is closed by the first write.
type buffer struct {
	bytes.Buffer
	once  sync.Once
	ready chan struct{}
}

func (b *buffer) Write(p []byte) (int, error) {
	defer b.once.Do(func() { close(b.ready) })
	return b.Buffer.Write(p)
}

func TestRun_tellsAShellHowToJoin(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	file := filepath.Join(t.TempDir(), "tailnet.env")
	out, wait := started(t, ctx, nil, "--env-file", file)
	<-out.ready

	script := `set -eu; set -a; . "$1"; set +a
		curl -sSf "$TAILJOIN_LOGIN_SERVER/_test/nodes"
		curl -sSf -H "Authorization: Bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=x"
		echo " $TAILJOIN_OAUTH_CLIENT_ID ${GITHUB_ACTIONS-at a terminal}"`
	said, err := exec.Command("env", "-u", "GITHUB_ACTIONS", "sh", "-c", script, "sh", file).CombinedOutput() // in a job, too
	if err != nil {
		t.Fatalf("%s: %v", said, err)
	}
	for _, want := range []string{`"hostname":"my-server"`, `"value":"ey`, "Tlocal-CNTRL at a terminal"} {
		if !strings.Contains(string(said), want) {
			t.Errorf("got %s, want %s in it", said, want)
		}
	}
	written, err := os.ReadFile(file)
	if err != nil || string(written) != out.String() {
		t.Errorf("file has %q, %v; want what was printed", written, err)
	}
	stop()
	wait()
}

func TestRun_endsWithItsStarter(t *testing.T) {
	t.Run("standard input closes", func(t *testing.T) {
		in, close := io.Pipe()
		out, wait := started(t, t.Context(), in, "--until-stdin-closes")
		<-out.ready
		close.Close()
		wait()
	})
	t.Run("the process is gone", func(t *testing.T) {
		starter := exec.Command("cat")
		hold, err := starter.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := starter.Start(); err != nil {
			t.Fatal(err)
		}
		out, wait := started(t, t.Context(), nil, "--parent-pid", strconv.Itoa(starter.Process.Pid))
		<-out.ready
		hold.Close()
		starter.Wait()
		wait()
	})
}

func TestRun_wrongFlag(t *testing.T) {
	err := run(t.Context(), streams{nil, io.Discard, io.Discard}, []string{"--latency", "soon"})
	if !errors.Is(err, errUsage) {
		t.Errorf("got %v, want a usage error", err)
	}
}

func TestRun_servesOnTheAddressGiven(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, wait := started(t, ctx, nil, "--listen", "127.0.0.2", "--github")
	<-out.ready
	var login string
	for line := range strings.Lines(out.String()) {
		if v, ok := strings.CutPrefix(line, "TAILJOIN_LOGIN_SERVER="); ok {
			login = strings.Trim(v, "'\n")
		}
	}
	if !strings.HasPrefix(login, "http://127.0.0.2:") || !strings.Contains(out.String(), "GITHUB_ACTIONS='true'") {
		t.Errorf("got %s", out)
	}
	if resp, err := http.Get(login + "/key?v=1"); err != nil || resp.StatusCode != 200 {
		t.Errorf("got %v, %v", resp, err)
	}
	stop()
	wait()
}
