//go:build linux

package world

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// A Service is tailjoin-sts, running in a process of its own.
type Service struct {
	URL string // of the issuer

	world  *World
	config string // its file
	cmd    *exec.Cmd
	log    lockedBuffer
}

// Serve starts a service. config is further lines of its configuration, audit
// is where it writes what it decides, environ are variables of it.
func (w *World) Serve(ctx context.Context, port int, config string, audit io.Writer, environ ...string) (*Service, error) {
	dir, err := os.MkdirTemp(w.dir, "v")
	if err != nil {
		return nil, err
	}
	s := &Service{URL: fmt.Sprintf("http://%s:%d", w.Machine, port), world: w, config: filepath.Join(dir, "config.yaml")}
	text := fmt.Sprintf("tsnet: {host: true, socket: %s}\nserver: {tls: off, port: %d, issuer: %q, rate: 0}\nsigningKey: {storage: file, file: {storagePath: %s}}\n%s",
		w.socket(), port, s.URL, s.Keys(), config)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	s.cmd = exec.Command(w.programs.Service, "serve", "--config", s.config)
	s.cmd.Env = append([]string{"HOME=" + dir}, environ...)
	s.cmd.Stdout, s.cmd.Stderr = audit, &s.log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	return s, s.await(ctx)
}

// Keys is the file of its ring.
func (s *Service) Keys() string { return filepath.Join(filepath.Dir(s.config), "keys.json") }

const patience = 30 * time.Second

// await waits until the service says that it could give out a token.
func (s *Service) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		res, err := s.Get(ctx, "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("the service does not become ready:\n%s", s.Log()), s.Stop())
		case <-again.C:
		}
	}
}

// Get asks for a page as the caller does.
func (s *Service) Get(ctx context.Context, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", s.URL+path, nil)
	if err != nil {
		return nil, err
	}
	return s.world.Client().Do(req)
}

// Pid is the number of its process.
func (s *Service) Pid() int { return s.cmd.Process.Pid }

// Log is what it told people so far.
func (s *Service) Log() string { return s.log.String() }

// Stop ends it, as its operator does.
func (s *Service) Stop() error {
	s.cmd.Process.Signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("the service ended with %w:\n%s", err, s.Log())
	}
	return nil
}

// Run runs another command of the program with the service's configuration,
// and returns its output.
func (s *Service) Run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.world.programs.Service, append(args, "--config", s.config)...)
	var words bytes.Buffer
	cmd.Stderr = &words
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("tailjoin-sts %v: %w\n%s", args, err, words.Bytes())
	}
	return out, err
}

// Token asks for one as the caller does.
func (s *Service) Token(ctx context.Context, audience string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, "POST", s.URL+"/token?resource="+audience, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("X-Tsiam", "1")
	res, err := s.world.Client().Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Token == "" {
		return "", fmt.Errorf("asking for a token: %s %s", res.Status, body)
	}
	return answer.Token, nil
}

// A lockedBuffer is written by one and read by another.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
