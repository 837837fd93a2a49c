package localtailnet

import (
	"context"
	"net/http"

	"golang.org/x/net/http2"
	"tailscale.com/control/controlhttp/controlhttpserver"
	"tailscale.com/derp/derpserver"
	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
)

// openControl starts the listener of control and the API. They share one
// because the official client sends its token exchange to the login server.
func (t *Tailnet) openControl() error {
	l, err := t.listen()
	if err != nil {
		return err
	}
	addr, err := t.expose(l.Addr())
	if err != nil {
		return err
	}
	t.ControlURL, t.backend = "http://"+addr, "http://"+l.Addr().String()
	if t.nodes, err = NewIssuer(t.ControlURL); err != nil {
		return err
	}
	t.nodes.Claims = nil // those of a node are not those of a job
	mux := http.NewServeMux()
	mux.Handle("GET /.well-known/", t.nodes)
	mux.HandleFunc("GET /key", t.serveKey)
	mux.HandleFunc("/ts2021", t.serveNoise)
	mux.HandleFunc("/generate_204", derpserver.ServeNoContent)
	t.serve(l, mux)
	return nil
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
	ctx := context.WithValue(r.Context(), machineKey{}, conn.Peer())
	new(http2.Server).ServeConn(conn, &http2.ServeConnOpts{
		Context:    ctx,
		BaseConfig: &http.Server{ErrorLog: t.opts.log()},
		Handler:    t.insideNoise(),
	})
}

// machineKey is the context key of the machine that a Noise connection proved.
type machineKey struct{}

func machineOf(r *http.Request) key.MachinePublic {
	return r.Context().Value(machineKey{}).(key.MachinePublic)
}

func (t *Tailnet) insideNoise() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /machine/register", t.serveRegister)
	mux.HandleFunc("POST /machine/map", t.serveMap)
	mux.HandleFunc("POST /machine/id-token", t.serveNodeToken)
	mux.HandleFunc("POST /machine/update-health", noContent)
	mux.HandleFunc("POST /machine/audit-log", func(http.ResponseWriter, *http.Request) {})
	return mux
}

func noContent(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) }
