package localtailnet

import (
	"context"
	"net/http"

	"golang.org/x/net/http2"
	"tailscale.com/control/controlbase"
	"tailscale.com/control/controlhttp/controlhttpserver"
	"tailscale.com/derp/derpserver"
	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
)

// openControl starts the listener of control and the API. They share one
// because the official client sends its token exchange to the login server.
func (t *Tailnet) openControl() (err error) {
	t.ControlURL, t.backend, err = t.publish(func(string) (http.Handler, error) { return t.control(), nil })
	return err
}

func (t *Tailnet) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", t.unknown)
	mux.HandleFunc("GET /.well-known/", t.serveNodeIssuer)
	mux.Handle("GET /key", t.faulty(OpControlKey, http.HandlerFunc(t.serveKey)))
	mux.Handle("/ts2021", t.faulty(OpConnect, http.HandlerFunc(t.serveNoise)))
	mux.HandleFunc("/generate_204", derpserver.ServeNoContent)
	mux.HandleFunc("GET /derpmap/default", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, t.derp.Map) })
	t.mountAPI(mux)
	t.mountTestAPI(mux)
	return mux
}

// serveKey hands out control's public keys, the start of every login.
func (t *Tailnet) serveKey(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, tailcfg.OverTLSPublicKeyResponse{
		LegacyPublicKey: t.legacy.Public(),
		PublicKey:       t.noise.Public(),
	})
}

// serveNoise upgrades the connection to the control protocol: HTTP/2 inside
// Noise, which proves the client's machine key.
func (t *Tailnet) serveNoise(w http.ResponseWriter, r *http.Request) {
	conn, err := controlhttpserver.AcceptHTTP(r.Context(), w, r, t.noise, nil)
	if err != nil {
		t.opts.Logf("accepting a control connection: %v", err)
		return
	}
	defer conn.Close()
	defer context.AfterFunc(t.ctx, func() { conn.Close() })()
	ctx := context.WithValue(r.Context(), noiseConn{}, conn)
	new(http2.Server).ServeConn(conn, &http2.ServeConnOpts{
		Context:    ctx,
		BaseConfig: &http.Server{ErrorLog: t.opts.log()},
		Handler:    t.insideNoise(),
	})
}

// noiseConn is the context key of the control connection under a request.
type noiseConn struct{}

// machineOf is the machine that proved its key when it connected.
func machineOf(r *http.Request) key.MachinePublic {
	return r.Context().Value(noiseConn{}).(*controlbase.Conn).Peer()
}

func (t *Tailnet) insideNoise() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", t.unknown)
	for _, e := range []struct {
		path, op string
		serve    http.HandlerFunc
	}{
		{"/machine/register", OpRegister, t.serveRegister},
		{"/machine/map", OpMap, t.serveMap},
		{"/machine/id-token", OpNodeToken, t.serveNodeToken},
	} {
		mux.Handle("POST "+e.path, t.faulty(e.op, e.serve))
	}
	// Nodes report these; nobody here wants to know.
	mux.HandleFunc("POST /machine/update-health", noContent)
	mux.HandleFunc("POST /machine/audit-log", noContent)
	return mux
}

func noContent(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) }
