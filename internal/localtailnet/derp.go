package localtailnet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"time"

	"tailscale.com/derp/derpserver"
	"tailscale.com/net/stun"
	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
)

// derp is the relay for nodes that cannot reach each other directly, and what
// the nodes are told of it.
type derp struct {
	Map *tailcfg.DERPMap
}

func (t *Tailnet) openDERP() error {
	stunPort, err := t.openSTUN()
	if err != nil {
		return err
	}
	addr, err := t.openRelay()
	if err != nil {
		return err
	}
	t.derp.Map = derpMap(addr, stunPort)
	return nil
}

// openSTUN starts what tells a node its own address, and returns its port.
// tailscale.com has a server too, but that writes to the process's log.
func (t *Tailnet) openSTUN() (port int, err error) {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(t.opts.Listen)})
	if err != nil {
		return 0, err
	}
	t.closers = append(t.closers, conn.Close)
	t.work.Go(func() { serveSTUN(conn) })
	return conn.LocalAddr().(*net.UDPAddr).Port, nil
}

// serveSTUN answers until conn is closed.
func serveSTUN(conn *net.UDPConn) {
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if id, err := stun.ParseBindingRequest(buf[:n]); err == nil {
			unmapped := netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
			conn.WriteToUDPAddrPort(stun.Response(id, unmapped), from)
		}
	}
}

// openRelay starts DERP, with TLS, and returns its address.
func (t *Tailnet) openRelay() (netip.AddrPort, error) {
	l, err := t.listen()
	if err != nil {
		return netip.AddrPort{}, err
	}
	cert, err := selfSigned(net.ParseIP(t.opts.Listen))
	if err != nil {
		return netip.AddrPort{}, err
	}
	server := derpserver.New(key.NewNode(), t.opts.Logf)
	t.closers = append(t.closers, server.Close)
	mux := http.NewServeMux()
	mux.Handle("/derp", derpserver.Handler(server))
	mux.HandleFunc("/derp/probe", derpserver.ProbeHandler)
	mux.HandleFunc("/derp/latency-check", derpserver.ProbeHandler)
	mux.HandleFunc("/generate_204", derpserver.ServeNoContent)
	// HTTP/1.1 alone: DERP takes the connection over, which HTTP/2 cannot.
	t.serve(tls.NewListener(l, &tls.Config{
		Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"},
	}), mux)
	addr, err := t.expose(l.Addr())
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.ParseAddrPort(addr)
}

// derpMap is a map of one region with one server in it.
func derpMap(relay netip.AddrPort, stunPort int) *tailcfg.DERPMap {
	ip := relay.Addr().String()
	server := &tailcfg.DERPNode{
		Name: "1a", RegionID: 1,
		HostName: ip, IPv4: ip, IPv6: "none",
		DERPPort: int(relay.Port()), STUNPort: stunPort, STUNTestIP: ip,
		InsecureForTests: true, // its certificate is its own
	}
	region := &tailcfg.DERPRegion{
		RegionID: 1, RegionCode: "local", RegionName: "Loopback",
		Nodes: []*tailcfg.DERPNode{server},
	}
	return &tailcfg.DERPMap{OmitDefaultRegions: true, Regions: map[int]*tailcfg.DERPRegion{1: region}}
}

func selfSigned(ip net.IP) (tls.Certificate, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "localtailnet"},
		IPAddresses:  []net.IP{ip},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, err
}
