package localtailnet

import (
	"net/http"
	"strings"

	"tailscale.com/tailcfg"
)

// openIssuer starts what gives the CI job its ID tokens.
func (t *Tailnet) openIssuer() error {
	l, err := t.listen()
	if err != nil {
		return err
	}
	addr, err := t.expose(l.Addr())
	if err != nil {
		return err
	}
	t.IssuerURL = "http://" + addr
	if t.job, err = NewIssuer(t.IssuerURL); err != nil {
		return err
	}
	t.IDTokenRequestURL = t.job.RequestURL()
	t.IDTokenRequestToken = t.job.RequestToken
	t.serve(l, t.job)
	return nil
}

// Issuer is where the CI job's ID tokens come from. Its fields may be changed
// before the first request.
func (t *Tailnet) Issuer() *Issuer { return t.job }

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
	token, err := t.nodes.Mint(req.Audience, claims)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, http.StatusOK, tailcfg.TokenResponse{IDToken: token})
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
