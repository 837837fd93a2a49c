package localtailnet

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strconv"
	"time"
)

// A device is a node as the API shows it.
type device struct {
	ID                 string       `json:"id"`     // number
	NodeID             string       `json:"nodeId"` // n…CNTRL
	Name               string       `json:"name"`   // full MagicDNS name, no dot at the end
	Hostname           string       `json:"hostname"`
	Addresses          []netip.Addr `json:"addresses"`
	User               string       `json:"user"`
	Tags               []string     `json:"tags,omitempty"`
	Authorized         bool         `json:"authorized"`
	IsEphemeral        bool         `json:"isEphemeral"`
	IsExternal         bool         `json:"isExternal"` // shared in from another tailnet: never here
	ConnectedToControl bool         `json:"connectedToControl"`
	LastSeen           *time.Time   `json:"lastSeen,omitempty"` // absent while connected
	KeyExpiryDisabled  bool         `json:"keyExpiryDisabled"`
	Expires            time.Time    `json:"expires"`
	Created            time.Time    `json:"created"`
	ClientVersion      string       `json:"clientVersion"`
	OS                 string       `json:"os"`
	MachineKey         string       `json:"machineKey"`
	NodeKey            string       `json:"nodeKey"`

	// With ?fields=all alone.
	AdvertisedRoutes []netip.Prefix `json:"advertisedRoutes,omitempty"`
	EnabledRoutes    []netip.Prefix `json:"enabledRoutes,omitempty"`
}

func (t *Tailnet) device(n *node, allFields bool) device {
	s := n.snapshot()
	d := device{
		ID: strconv.FormatInt(int64(n.ID), 10), NodeID: s.ID,
		Name: s.Name, Hostname: s.Hostname, Addresses: s.IPs,
		User: t.state.people[n.User].LoginName, Tags: s.Tags,
		Authorized: s.Authorized, IsEphemeral: s.Ephemeral, ConnectedToControl: s.Online,
		KeyExpiryDisabled: n.KeyExpiry.IsZero(), Expires: n.KeyExpiry, Created: n.created,
		ClientVersion: n.Hostinfo.IPNVersion(), OS: n.Hostinfo.OS(),
		MachineKey: n.Machine.String(), NodeKey: n.Key.String(),
	}
	if !s.Online {
		d.LastSeen = &n.lastSeen
	}
	if allFields {
		d.AdvertisedRoutes = s.Routes
		if t.opts.AutoApproveRoutes {
			d.EnabledRoutes = s.Routes
		}
	}
	return d
}

func (t *Tailnet) listDevices(r *http.Request, _ *accessToken) (any, error) {
	devices := []device{}
	t.state.read(func() {
		for _, n := range t.state.nodes {
			devices = append(devices, t.device(n, r.FormValue("fields") == "all"))
		}
	})
	return map[string][]device{"devices": devices}, nil
}

func (t *Tailnet) getDevice(r *http.Request, _ *accessToken) (v any, err error) {
	t.state.read(func() {
		var n *node
		if n, err = t.state.device(r); err == nil {
			v = t.device(n, r.FormValue("fields") == "all")
		}
	})
	return v, err
}

func (t *Tailnet) deleteDevice(r *http.Request, _ *accessToken) (any, error) {
	return nil, t.changeDevice(r, func(n *node) {
		t.state.log(OpDevices, http.StatusOK, "%s deleted", n.Name)
		t.state.remove(n)
	})
}

// authorizeDevice approves a node that waits for it, or takes that back.
func (t *Tailnet) authorizeDevice(r *http.Request, _ *accessToken) (any, error) {
	var req struct {
		Authorized bool `json:"authorized"`
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		return nil, apiError{http.StatusBadRequest, "decoding the request: " + err.Error()}
	}
	return nil, t.changeDevice(r, func(n *node) { n.MachineAuthorized = req.Authorized })
}

func (t *Tailnet) changeDevice(r *http.Request, f func(*node)) (err error) {
	t.state.change(func() {
		var n *node
		if n, err = t.state.device(r); err == nil {
			f(n)
		}
	})
	return err
}

// device is the node that the path names, by its number or its stable id.
func (s *state) device(r *http.Request) (*node, error) {
	id := r.PathValue("id")
	n := s.node(func(n *node) bool {
		return string(n.StableID) == id || strconv.FormatInt(int64(n.ID), 10) == id
	})
	if n == nil {
		return nil, apiError{http.StatusNotFound, "device not found"}
	}
	return n, nil
}
