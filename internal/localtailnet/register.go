package localtailnet

import (
	"net/http"
	"slices"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
)

// followupWait is how long a node that comes back to its login page is kept
// waiting. Nobody can log in there, so the answer stays the same.
const followupWait = 30 * time.Second

// untaggedKeyLife is the time until a node that a person owns must log in
// again. A tagged node never has to.
const untaggedKeyLife = 180 * 24 * time.Hour

func (t *Tailnet) serveRegister(w http.ResponseWriter, r *http.Request) {
	var req tailcfg.RegisterRequest
	if !readBody(w, r, &req) {
		return
	}
	if req.Followup != "" && !pause(r.Context(), followupWait) {
		return
	}
	if req.Hostinfo == nil {
		req.Hostinfo = &tailcfg.Hostinfo{}
	}
	var res tailcfg.RegisterResponse
	t.state.change(func() { res = t.register(&req, machineOf(r), time.Now()) })
	writeJSON(w, http.StatusOK, &res)
}

// register decides what becomes of a node that asks to be let in, or out.
func (t *Tailnet) register(req *tailcfg.RegisterRequest, machine key.MachinePublic, now time.Time) tailcfg.RegisterResponse {
	n := t.state.owned(req.NodeKey, machine)
	hasKey := req.Auth != nil && req.Auth.AuthKey != ""
	switch {
	case !req.Expiry.IsZero() && req.Expiry.Before(now):
		return t.logout(n, now)
	case n != nil && !hasKey:
		return t.registered(n, now)
	case !hasKey:
		return tailcfg.RegisterResponse{AuthURL: t.ControlURL + "/a/" + newID("a")}
	}
	return t.enrol(n, req, machine, now)
}

// logout ends a node's membership. A node that is not known, or belongs to
// another machine, gets the same answer: it is logged out either way.
func (t *Tailnet) logout(n *node, now time.Time) tailcfg.RegisterResponse {
	if n != nil {
		t.state.log(OpRegister, http.StatusOK, "%s logs out", n.Name)
		n.KeyExpiry = now.Add(-time.Minute)
		if n.ephemeral {
			t.state.remove(n)
		}
	}
	return tailcfg.RegisterResponse{NodeKeyExpired: true}
}

// enrol lets a node in by its auth key, or says why not. n is the node if
// control knows it already.
func (t *Tailnet) enrol(n *node, req *tailcfg.RegisterRequest, machine key.MachinePublic, now time.Time) tailcfg.RegisterResponse {
	k, err := t.state.admit(req.Auth.AuthKey, n != nil, now)
	if err == nil {
		err = t.state.permitTags(k, req.Hostinfo.RequestTags)
	}
	if err != nil {
		t.state.log(OpRegister, http.StatusForbidden, "%s is refused: %v", req.Hostinfo.Hostname, err)
		return tailcfg.RegisterResponse{Error: err.Error()}
	}
	if n == nil {
		k.Uses++
		n = t.newNode(k, req, machine, now)
	}
	t.state.log(OpRegister, http.StatusOK, "%s joins with %s", n.Name, k.ID)
	return t.registered(n, now)
}

// permitTags checks the tags that a node asks for. A tagged key gives all of its
// own, or tags that they own; with an untagged key a person asks, who owns every
// tag that the tailnet has.
func (s *state) permitTags(k *authKey, requested []string) error {
	switch {
	case len(requested) == 0:
		return nil
	case len(k.Tags) > 0:
		return s.refuseGrant(requested, k.Tags)
	}
	return refuseTags(requested, s.knownTags())
}

// newNode makes the node that k lets in. A machine that had one and changed
// its node key keeps that: it is the same node with a new key.
func (t *Tailnet) newNode(k *authKey, req *tailcfg.RegisterRequest, machine key.MachinePublic, now time.Time) *node {
	n := t.state.owned(req.OldNodeKey, machine)
	if n == nil {
		n = &node{}
		n.Machine = machine
		t.state.add(n, req.Hostinfo.Hostname, t.opts.Domain)
		n.reaper = time.AfterFunc(t.opts.EphemeralTimeout, func() { t.reap(n) })
	}
	n.Key = req.NodeKey
	n.keyID = k.ID
	n.ephemeral = k.Ephemeral || req.Ephemeral
	n.Tags = tagsOf(k, req.Hostinfo.RequestTags)
	n.User = t.state.ownerOf(n.Tags, k.user)
	n.KeyExpiry = time.Time{}
	if len(n.Tags) == 0 {
		n.KeyExpiry = now.Add(untaggedKeyLife)
	}
	n.MachineAuthorized = k.Preauthorized || !t.opts.DeviceApproval
	n.Hostinfo = req.Hostinfo.View()
	n.Cap = req.Version
	if !req.NLKey.IsZero() {
		lockKey, _ := req.NLKey.MarshalText() // of a key that is there it does not fail
		n.lockKey = string(lockKey)
	}
	return n
}

// reap removes an ephemeral node that has been gone for long enough.
func (t *Tailnet) reap(n *node) {
	t.state.change(func() {
		if n.ephemeral && n.polls == 0 && !n.gone {
			t.state.log(opNode, 0, "%s has been gone too long", n.Name)
			t.state.remove(n)
		}
	})
}

func (t *Tailnet) registered(n *node, now time.Time) tailcfg.RegisterResponse {
	owner := t.state.people[n.User]
	return tailcfg.RegisterResponse{
		User:              tailcfg.User{ID: n.User, DisplayName: owner.DisplayName},
		Login:             tailcfg.Login{ID: tailcfg.LoginID(n.User), LoginName: owner.LoginName, DisplayName: owner.DisplayName},
		NodeKeyExpired:    n.expired(now),
		MachineAuthorized: n.MachineAuthorized,
	}
}

// tagsOf are the tags of a node that asks for the requested ones: its key's, if
// it asks for none.
func tagsOf(k *authKey, requested []string) []string {
	if len(requested) == 0 {
		return slices.Clone(k.Tags)
	}
	return slices.Clone(requested)
}
