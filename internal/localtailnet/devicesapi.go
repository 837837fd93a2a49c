package localtailnet

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
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
	UpdateAvailable    bool         `json:"updateAvailable"`
	BlocksIncoming     bool         `json:"blocksIncomingConnections"`
	TailnetLockKey     string       `json:"tailnetLockKey"`
	TailnetLockError   string       `json:"tailnetLockError"` // the tailnet has no lock: never set

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
		BlocksIncoming: n.Hostinfo.ShieldsUp(), TailnetLockKey: n.lockKey,
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
	query := r.URL.Query()
	allFields := query.Get("fields") == "all"
	query.Del("fields")
	t.state.read(func() {
		for _, n := range t.state.nodes {
			if d := t.device(n, allFields); d.matches(query) {
				devices = append(devices, d)
			}
		}
	})
	return map[string][]device{"devices": devices}, nil
}

// matches reports whether every parameter is a field of d with this value, or a
// list with it.
// Source: Tailscale's OpenAPI document, GET /tailnet/{tailnet}/devices.
func (d device) matches(filters url.Values) bool {
	if len(filters) == 0 {
		return true
	}
	encoded, _ := json.Marshal(d) // nothing in it cannot be encoded
	var fields map[string]any
	json.Unmarshal(encoded, &fields)
	for name, values := range filters {
		for _, value := range values {
			if !hasValue(fields[name], value) {
				return false
			}
		}
	}
	return true
}

// hasValue compares the value of a field, or the items of a list, with a text.
func hasValue(field any, text string) bool {
	items, isList := field.([]any)
	if !isList {
		items = []any{field}
	}
	return slices.ContainsFunc(items, func(item any) bool { return item != nil && fmt.Sprint(item) == text })
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
	return nil, t.changeDevice(r, func(n *node) error {
		t.state.log(OpDevices, http.StatusOK, "%s deleted", n.Name)
		t.state.remove(n)
		return nil
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
	return nil, t.changeDevice(r, func(n *node) error { n.MachineAuthorized = req.Authorized; return nil })
}

func (t *Tailnet) changeDevice(r *http.Request, f func(*node) error) (err error) {
	t.state.change(func() {
		var n *node
		if n, err = t.state.device(r); err == nil {
			err = f(n)
		}
	})
	return err
}

// device is the node that the path names, by its number or its stable id.
func (s *state) device(r *http.Request) (*node, error) {
	n := s.deviceByID(r.PathValue("id"))
	if n == nil {
		return nil, apiError{http.StatusNotFound, "device not found"}
	}
	return n, nil
}

// deviceByID is the node with this number or stable id, or nil.
func (s *state) deviceByID(id string) *node {
	return s.node(func(n *node) bool {
		return string(n.StableID) == id || strconv.FormatInt(int64(n.ID), 10) == id
	})
}
