package localtailnet

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/util/zstdframe"
)

// keepAlive is the time between the frames that keep an idle map poll open;
// the client gives up after two minutes without one.
const keepAlive = 25 * time.Second

// serveMap answers a node that tells about itself, or that wants to know its
// netmap from now on.
func (t *Tailnet) serveMap(w http.ResponseWriter, r *http.Request) {
	var req tailcfg.MapRequest
	if !readBody(w, r, &req) {
		return
	}
	var n *node
	t.state.read(func() { n = t.state.owned(req.NodeKey, machineOf(r)) })
	if n == nil {
		http.Error(w, "node not found", http.StatusNotFound)
		return
	}
	out := &mapWriter{w: w, zstd: req.Compress == "zstd"}
	if req.Stream {
		t.poll(out, r, n)
		return
	}
	t.state.change(func() { n.update(&req) })
	if !req.OmitPeers {
		out.send(t.netmap(n))
	}
}

// update takes over what the node says of itself. A request with Stream set
// has such fields too, but since capability version 68 they are to be ignored.
func (n *node) update(req *tailcfg.MapRequest) {
	n.Endpoints = slices.DeleteFunc(req.Endpoints, func(e netip.AddrPort) bool {
		return e.Addr().Is6() && e.Addr().IsLinkLocalUnicast() // of no use to a peer
	})
	n.DiscoKey = req.DiscoKey
	n.Cap = req.Version
	if req.Hostinfo == nil {
		return
	}
	n.describe(req.Hostinfo)
	if net := req.Hostinfo.NetInfo; net != nil && net.PreferredDERP != 0 {
		n.HomeDERP = net.PreferredDERP
	}
}

// poll sends the node its netmap, and again after every change, until the node
// leaves or is removed.
func (t *Tailnet) poll(out *mapWriter, r *http.Request, n *node) {
	t.state.change(func() { n.connect() })
	defer t.state.change(func() { n.disconnect(t.opts.EphemeralTimeout) })
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	for {
		changed := t.state.next() // before the netmap is made, or a change could fall between
		m := t.netmap(n)
		if out.send(m) != nil || m.Node.KeyExpiry.Equal(expelled) {
			return
		}
		if !out.wait(r, changed, alive.C) {
			return
		}
	}
}

// wait returns when there may be news, false when the node has hung up.
func (o *mapWriter) wait(r *http.Request, changed <-chan struct{}, alive <-chan time.Time) bool {
	for {
		select {
		case <-changed:
			return true
		case now := <-alive:
			if o.frame(&tailcfg.MapResponse{KeepAlive: true, ControlTime: &now}) != nil {
				return false
			}
		case <-r.Context().Done():
			return false
		}
	}
}

func (n *node) connect() {
	n.polls++
	n.reaper.Stop()
}

func (n *node) disconnect(timeout time.Duration) {
	n.polls--
	n.lastSeen = time.Now()
	if n.polls == 0 && n.ephemeral && !n.gone {
		n.reaper.Reset(timeout)
	}
}

// A mapWriter sends netmaps on one poll, each complete, and none twice.
type mapWriter struct {
	w     http.ResponseWriter
	zstd  bool
	last  []byte           // the netmap sent last
	peers []tailcfg.NodeID // the peers in it
}

// send sends m unless the node has it already.
func (o *mapWriter) send(m *tailcfg.MapResponse) error {
	if len(m.Peers) == 0 {
		m.PeersRemoved = o.peers // an empty Peers would mean "as before"
	}
	body, err := json.Marshal(m)
	if err != nil || bytes.Equal(body, o.last) {
		return err
	}
	o.last = body
	o.peers = nil
	for _, p := range m.Peers {
		o.peers = append(o.peers, p.ID)
	}
	now := time.Now()
	m.ControlTime = &now
	return o.frame(m)
}

// frame writes one message: its length as four bytes, little-endian, then JSON.
func (o *mapWriter) frame(m *tailcfg.MapResponse) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if o.zstd {
		body = zstdframe.AppendEncode(nil, body)
	}
	size := binary.LittleEndian.AppendUint32(nil, uint32(len(body)))
	if _, err := o.w.Write(append(size, body...)); err != nil {
		return err
	}
	return http.NewResponseController(o.w).Flush()
}
