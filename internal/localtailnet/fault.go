package localtailnet

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"tailscale.com/control/controlbase"
)

// The operations that a fault can hit, and that events are about.
const (
	OpControlKey = "control-key"    // GET /key: control's public keys
	OpConnect    = "connect"        // the upgrade to the control protocol
	OpRegister   = "register"       // a node asks to be let in, or out
	OpMap        = "map"            // a node polls, or tells about itself
	OpNodeToken  = "node-token"     // a node asks for an ID token of its own
	OpExchange   = "token-exchange" // API: ID token for access token
	OpOAuth      = "oauth-token"    // API: client secret for access token
	OpKeys       = "keys"           // API: auth keys
	OpDevices    = "devices"        // API: nodes
	OpServices   = "services"       // API: Tailscale Services
	OpPolicy     = "policy"         // API: the policy file
	OpIDToken    = "id-token"       // the CI runtime's answer to a job
	OpPackages   = "packages"       // the package server
)

var ops = []string{
	OpControlKey, OpConnect, OpRegister, OpMap, OpNodeToken,
	OpExchange, OpOAuth, OpKeys, OpDevices, OpServices, OpPolicy, OpIDToken, OpPackages,
}

// A Fault is something that goes wrong with the requests of one operation. The
// zero value is none.
type Fault struct {
	Method string // only requests with this method; "" is any
	Times  int    // goes after so many requests; 0 stays

	Delay time.Duration // first, before anything else

	// At most one of the next five.
	Status   int   // this answer, and nothing is done
	Hang     bool  // no answer, nothing is done, until the client gives up
	Cut      bool  // the connection is cut, nothing is done
	Lost     bool  // it is done, but the connection is cut before the answer
	CutAfter int64 // the connection is cut after so many bytes of the true body

	Body   string      // with Status; "" is {"message": …} with the status text
	Header http.Header // with Status, such as Retry-After
}

// faults are what is to go wrong, by operation or by path.
type faults map[string]*Fault

// take returns what hits a request, if anything does.
func (fs faults) take(name, method string) Fault {
	f := fs[name]
	if f == nil || f.Method != "" && f.Method != method {
		return Fault{}
	}
	hit := *f
	if f.Times--; f.Times == 0 {
		delete(fs, name)
	}
	return hit
}

// SetFault makes an operation fail from now on. The zero Fault ends that. It
// is an error if there is no such operation.
func (t *Tailnet) SetFault(op string, f Fault) error {
	if !slices.Contains(ops, op) {
		return fmt.Errorf("no operation %q; there are %s", op, strings.Join(ops, ", "))
	}
	t.state.change(func() { t.state.faults[op] = &f })
	return nil
}

// faulty is h, except when a fault is set for op.
func (t *Tailnet) faulty(op string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var f Fault
		t.state.read(func() { f = t.state.faults.take(op, r.Method) })
		if f.harms() {
			t.event(op, f.Status, "fault: %s %s", r.Method, r.URL.Path)
		}
		f.hit(w, r, h)
	})
}

func (f Fault) harms() bool {
	return f.Delay > 0 || f.Status != 0 || f.Hang || f.Cut || f.Lost || f.CutAfter > 0
}

// hit answers a request that h would have answered.
func (f Fault) hit(w http.ResponseWriter, r *http.Request, h http.Handler) {
	if f.Delay > 0 && !pause(r.Context(), f.Delay) {
		return
	}
	switch {
	case f.Status != 0:
		f.answer(w)
	case f.Hang:
		io.Copy(io.Discard, r.Body) // or net/http would not see the client go
		<-r.Context().Done()
	case f.Cut:
		cut(r)
	case f.Lost:
		h.ServeHTTP(&lostWriter{header: http.Header{}}, r)
		cut(r)
	case f.CutAfter > 0:
		h.ServeHTTP(&cutWriter{ResponseWriter: w, r: r, left: f.CutAfter}, r)
	default:
		h.ServeHTTP(w, r)
	}
}

func (f Fault) answer(w http.ResponseWriter) {
	maps.Copy(w.Header(), f.Header)
	if f.Body == "" {
		writeJSON(w, f.Status, apiError{Message: http.StatusText(f.Status)})
		return
	}
	w.WriteHeader(f.Status)
	io.WriteString(w, f.Body)
}

// cut breaks the connection under a request and ends its handler.
func cut(r *http.Request) {
	if noise, ok := r.Context().Value(noiseConn{}).(*controlbase.Conn); ok {
		noise.Close()
	}
	panic(http.ErrAbortHandler)
}

// A lostWriter takes an answer that nobody gets.
type lostWriter struct{ header http.Header }

func (w *lostWriter) Header() http.Header         { return w.header }
func (w *lostWriter) WriteHeader(int)             {}
func (w *lostWriter) Write(p []byte) (int, error) { return len(p), nil }

// A cutWriter cuts the connection once it has passed on so many bytes.
type cutWriter struct {
	http.ResponseWriter
	r    *http.Request
	left int64
}

func (w *cutWriter) Write(p []byte) (int, error) {
	if int64(len(p)) < w.left {
		w.left -= int64(len(p))
		return w.ResponseWriter.Write(p)
	}
	w.ResponseWriter.Write(p[:w.left])
	http.NewResponseController(w.ResponseWriter).Flush()
	cut(w.r)
	return 0, nil
}

func (w *cutWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
