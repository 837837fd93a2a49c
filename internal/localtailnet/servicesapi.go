package localtailnet

import "net/http"

// listServices lists the Tailscale Services of the tailnet, of which it has
// none.
func (t *Tailnet) listServices(*http.Request, *accessToken) (any, error) {
	return map[string][]struct{}{"vipServices": {}}, nil
}

// listVIPServices is the same by the path from before it was published. Who may
// not ask is told that there is no such thing, as at Tailscale:
// tailscale/tailscale#19471.
func (t *Tailnet) listVIPServices(r *http.Request, actor *accessToken) (any, error) {
	if t.permit(OpServices, r, actor, "services:read") != nil {
		return nil, apiError{http.StatusNotFound, "not found"}
	}
	return t.listServices(r, actor)
}
