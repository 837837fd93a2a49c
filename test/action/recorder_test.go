//go:build linux

package action

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// A stage is what the stand-in writes down of one run: its Stage.
type stage struct {
	Name, Version, State, Session, Bundle string
	Inputs                                map[string]string
}

// A recorder is where the stand-in writes to, and where it gets its ID tokens.
type recorder struct {
	*httptest.Server
	mu     sync.Mutex
	stages []stage
}

const bearer = "Bearer request-token"

func newRecorder(t *testing.T) *recorder {
	r := &recorder{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /stage", r.record)
	mux.HandleFunc("GET /token", issue)
	r.Server = httptest.NewServer(mux)
	t.Cleanup(r.Close)
	return r
}

func (r *recorder) record(w http.ResponseWriter, req *http.Request) {
	var s stage
	if err := json.NewDecoder(req.Body).Decode(&s); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stages = append(r.stages, s)
}

func issue(w http.ResponseWriter, req *http.Request) {
	if req.Header.Get("Authorization") != bearer {
		http.Error(w, "wrong bearer", http.StatusUnauthorized)
	}
}

// env is what a job needs to reach the recorder.
func (r *recorder) env() map[string]string {
	return map[string]string{
		"STANDIN_RECORDER":               r.URL + "/stage",
		"ACTIONS_ID_TOKEN_REQUEST_URL":   r.URL + "/token?api-version=2",
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-token",
	}
}

func (r *recorder) all() []stage {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stages
}
