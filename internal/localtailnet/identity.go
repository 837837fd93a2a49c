package localtailnet

import (
	"net/http"
	"strings"

	"tailscale.com/tailcfg"
)

// openIssuer starts what gives the CI job its ID tokens.
func (t *Tailnet) openIssuer() (err error) {
	t.IssuerURL, _, err = t.publish(func(url string) (http.Handler, error) {
		if t.job, err = NewIssuer(url); err != nil {
			return nil, err
		}
		return t.faultyIssuer(), nil
	})
	if err != nil {
		return err
	}
	t.IDTokenRequestURL = t.job.RequestURL()
	t.IDTokenRequestToken = t.job.RequestToken
	return nil
}

// faultyIssuer can fail to give a job its token. Who verifies tokens is always
// served.
func (t *Tailnet) faultyIssuer() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/token", t.faulty(OpIDToken, http.HandlerFunc(t.serveJobToken)))
	mux.Handle("/", t.job)
	return mux
}

// serveJobToken gives the job an ID token and notes that it asked for one.
func (t *Tailnet) serveJobToken(w http.ResponseWriter, r *http.Request) {
	status := http.StatusOK
	if !t.job.knows(r) {
		status = http.StatusUnauthorized
	}
	t.event(OpIDToken, status, "for %s", r.FormValue("audience"))
	t.job.ServeHTTP(w, r)
}

// Issuer is where the CI job's ID tokens come from. Its fields may be changed
// before the first request.
func (t *Tailnet) Issuer() *Issuer { return t.job }

// newNodeIssuer makes what signs the nodes' tokens.
func (t *Tailnet) newNodeIssuer() (*Issuer, error) {
	i, err := NewIssuer(t.ControlURL)
	if err != nil {
		return nil, err
	}
	i.Claims = nil // a node is no job
	return i, nil
}

// serveNodeIssuer shows whoever verifies a node's token the keys for it.
func (t *Tailnet) serveNodeIssuer(w http.ResponseWriter, r *http.Request) {
	issuer, err := t.nodes()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	issuer.ServeHTTP(w, r)
}

// serveNodeToken gives a node a JWT that says who it is (tailcfg.TokenResponse).
func (t *Tailnet) serveNodeToken(w http.ResponseWriter, r *http.Request) {
	var req tailcfg.TokenRequest
	if !readBody(w, r, &req) {
		return
	}
	var claims map[string]any
	t.state.read(func() {
		if n := t.state.owned(req.NodeKey, machineOf(r)); n != nil {
			claims = t.nodeClaims(n)
		}
	})
	if claims == nil {
		http.Error(w, "node not found", http.StatusNotFound)
		return
	}
	token, err := t.mintForNode(req.Audience, claims)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, http.StatusOK, tailcfg.TokenResponse{IDToken: token})
}

func (t *Tailnet) mintForNode(audience string, claims map[string]any) (string, error) {
	issuer, err := t.nodes()
	if err != nil {
		return "", err
	}
	return issuer.Mint(audience, claims)
}

func (t *Tailnet) nodeClaims(n *node) map[string]any {
	name := strings.TrimSuffix(n.Name, ".")
	return map[string]any{
		"sub":       name,
		"node":      name,
		"key":       n.Key,
		"nid":       n.ID,
		"addresses": n.Addresses,
		"tags":      n.Tags,
		"tailnet":   t.opts.Name,
		"domain":    t.opts.Name,
	}
}
