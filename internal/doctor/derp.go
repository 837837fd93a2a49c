package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"tailscale.com/tailcfg"
)

// relays is how many DERP servers are tried at once.
const relays = 6

// derp tries some of the relays that the control server names: nodes that
// cannot reach each other directly meet there.
func (r *Request) derp(ctx context.Context) Check {
	const name = "derp"
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var derpMap tailcfg.DERPMap
	if status, err := getJSON(ctx, r.Control+"/derpmap/default", &derpMap); err != nil {
		if status == 0 {
			return skipped(name, "the control server did not name any relay")
		}
		return skipped(name, "this control server names its relays to nodes only")
	}
	servers := some(derpMap)
	if len(servers) == 0 {
		return note(name, "the control server has no relays")
	}
	region, took, err := race(ctx, servers)
	if err != nil {
		return failed(name, fmt.Errorf("none of %d relays answers: %s", len(servers), reason(err)),
			"open port 443 to the hosts of "+r.Control+"/derpmap/default: without a relay nodes behind a firewall do not find each other")
	}
	return ok(name, fmt.Sprintf("a relay answers: %s (%v)", region, took.Round(time.Millisecond)))
}

// A relay is one DERP server.
type relay struct {
	region string
	*tailcfg.DERPNode
}

// some are the first servers of regions from all over the map.
func some(m tailcfg.DERPMap) (servers []relay) {
	ids := m.RegionIDs()
	for i := range min(relays, len(ids)) {
		region := m.Regions[ids[i*len(ids)/min(relays, len(ids))]]
		first := slices.IndexFunc(region.Nodes, func(n *tailcfg.DERPNode) bool { return !n.STUNOnly && n.CertName == "" })
		if first >= 0 {
			servers = append(servers, relay{region.RegionName, region.Nodes[first]})
		}
	}
	return servers
}

// race returns the first that answers, and else the error of one.
func race(ctx context.Context, servers []relay) (region string, took time.Duration, err error) {
	var trying sync.WaitGroup
	defer trying.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // before that wait
	began := time.Now()
	type finish struct {
		region string
		err    error
	}
	finishes := make(chan finish, len(servers))
	for _, s := range servers {
		trying.Go(func() { finishes <- finish{s.region, s.answers(ctx)} })
	}
	for range servers {
		first := <-finishes
		if err = first.err; err == nil {
			return first.region, time.Since(began), nil
		}
	}
	return "", 0, err
}

// answers asks as tailscaled does to measure the way to a relay. Its
// certificate is taken on trust if the map says so, as tailscaled does.
func (s relay) answers(ctx context.Context) error {
	transport := &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: s.InsecureForTests},
	}
	port := cmp.Or(s.DERPPort, 443)
	address := "https://" + net.JoinHostPort(s.HostName, strconv.Itoa(port)) + "/derp/latency-check"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}
