//go:build linux

package sts

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/test/sts/world"
)

// A service is the program, for one test.
type service struct {
	t *testing.T
	*world.Service
}

// serve starts one on a tailnet of its own, whose caller is granted the audiences.
func serve(t *testing.T, config string, audiences ...string) *service {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "sts") // short: a socket is in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	programs, _ := world.Kept()
	w, err := world.New(context.Background(), programs, dir, audiences...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	// It looks at its keys more often than anybody would have it in production.
	s, err := w.Serve(t.Context(), 80, config, io.Discard, "TAILJOIN_STS_SIGNING_KEY_ROTATION_REFRESH=500ms")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the service's log:\n%s", s.Log())
		}
	})
	return &service{t, s}
}

func (s *service) run(args ...string) {
	s.t.Helper()
	if _, err := s.Run(s.t.Context(), args...); err != nil {
		s.t.Fatal(err)
	}
}

// json gets a document of the issuer.
func (s *service) json(path string, document any) {
	s.t.Helper()
	res, err := s.Get(s.t.Context(), path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(document); err != nil {
		s.t.Fatalf("%s: %v", path, err)
	}
}

// await waits for what the service does when it looks at its keys again.
func (s *service) await(what string, done func() bool) {
	s.t.Helper()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); <-again.C {
		if done() {
			return
		}
	}
	s.t.Fatal("waiting in vain: ", what)
}
