package server

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// keepReady is for how long an answer counts: a vault may ask money for each
// signature that proves something.
const keepReady = 5 * time.Second

// readiness is what was found last.
type readiness struct {
	mu    sync.Mutex
	found map[string]string
	until time.Time
}

// showReady says whether a node that asked now would get its token: keys that
// sign what their public halves verify, and a tailnet that knows who asks.
func (s *Server) showReady(w http.ResponseWriter, r *http.Request) {
	found := s.checked(r.Context())
	if err := s.Keys.Fresh(); err != nil { // which costs nothing
		found = map[string]string{"keys": word(err), "tailnet": found["tailnet"]}
	}
	status := http.StatusOK
	for _, problem := range found {
		if problem != "ok" {
			status = http.StatusServiceUnavailable
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, status, found)
}

func (s *Server) checked(ctx context.Context) map[string]string {
	s.ready.mu.Lock()
	defer s.ready.mu.Unlock()
	if s.ready.found == nil || s.now().After(s.ready.until) {
		ctx, cancel := context.WithTimeout(ctx, keepReady)
		defer cancel()
		s.ready.found = map[string]string{"keys": word(s.Keys.Prove(ctx)), "tailnet": word(s.OnTailnet(ctx))}
		s.ready.until = s.now().Add(keepReady)
	}
	return s.ready.found
}

func word(err error) string {
	if err == nil {
		return "ok"
	}
	return err.Error()
}
