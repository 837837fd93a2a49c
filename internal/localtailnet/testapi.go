package localtailnet

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// mountTestAPI serves what no real tailnet offers, for shell scripts and other
// programs: the same as the methods of Tailnet, as JSON.
//
//	GET    /_test/events, /_test/nodes, /_test/keys
//	DELETE /_test/nodes/{id}
//	POST   /_test/keys      {"tags": […], "reusable": bool, "ephemeral": bool, "preauthorized": bool, "lifetime": "1h"}
//	POST   /_test/id-token  {"audience": "…", "claims": {…}}; a claim that is null is left out
//	POST   /_test/fault     {"op": "keys", "status": 429, "header": {"Retry-After": ["1"]}, "delay": "1s", …}: see Fault
func (t *Tailnet) mountTestAPI(mux *http.ServeMux) {
	mux.HandleFunc("GET /_test/events", show(t.Events))
	mux.HandleFunc("GET /_test/nodes", show(t.Nodes))
	mux.HandleFunc("GET /_test/keys", show(t.Keys))
	mux.HandleFunc("DELETE /_test/nodes/{id}", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusOK, map[string]bool{"found": t.RemoveNode(r.PathValue("id"))})
	})
	mux.Handle("POST /_test/keys", do(t.testKey))
	mux.Handle("POST /_test/id-token", do(t.testToken))
	mux.Handle("POST /_test/fault", do(t.testFault))
}

func show[T any](list func() []T) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { writeJSON(w, http.StatusOK, list()) }
}

// do answers a request that carries a T in JSON.
func do[T any](f func(T) (any, error)) http.Handler {
	return answering(func(r *http.Request) (any, error) {
		var req T
		d := json.NewDecoder(r.Body)
		d.DisallowUnknownFields()
		if err := d.Decode(&req); err != nil {
			return nil, apiError{http.StatusBadRequest, "decoding the request: " + err.Error()}
		}
		v, err := f(req)
		if err != nil {
			return nil, apiError{http.StatusBadRequest, err.Error()}
		}
		return v, nil
	})
}

// A text is a duration such as "1m30s".
type text time.Duration

func (d *text) UnmarshalText(b []byte) error {
	parsed, err := time.ParseDuration(string(b))
	*d = text(parsed)
	return err
}

type testKey struct {
	KeyOptions
	Lifetime text
}

func (t *Tailnet) testKey(req testKey) (any, error) {
	req.KeyOptions.Lifetime = time.Duration(req.Lifetime)
	k, secret := t.MintKey(req.KeyOptions)
	return struct {
		Key
		Secret string `json:"secret"`
	}{k, secret}, nil
}

type testToken struct {
	Audience string
	Claims   map[string]any
}

func (t *Tailnet) testToken(req testToken) (any, error) {
	token, err := t.job.Mint(req.Audience, req.Claims)
	return map[string]string{"value": token}, err
}

type testFault struct {
	Op string
	Fault
	Delay text
}

func (t *Tailnet) testFault(req testFault) (any, error) {
	req.Fault.Delay = time.Duration(req.Delay)
	if err := t.SetFault(req.Op, req.Fault); err != nil {
		return nil, fmt.Errorf("setting a fault: %w", err)
	}
	return map[string]bool{"set": true}, nil
}
