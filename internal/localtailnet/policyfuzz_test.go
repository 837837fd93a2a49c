package localtailnet

import (
	"bytes"
	"net/netip"
	"testing"
)

// Whatever is sent is refused with a place, or can be kept, read again, applied
// and tested.
func FuzzPolicy(f *testing.F) {
	for _, seed := range []string{everySection, defaultPolicy, onlyCI, open("80"), `{` + common + `"acls": []}`, `[{"src": "tag:a"}]`} {
		f.Add([]byte(seed))
	}
	machines := []machine{
		{addrs: []netip.Addr{netip.MustParseAddr("100.64.0.1")}, login: "alice@example.com"},
		{addrs: []netip.Addr{netip.MustParseAddr("100.64.0.9")}, tags: []string{"tag:ci"}},
		{tags: []string{"tag:server"}, routes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("0.0.0.0/0")}},
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := newPolicy(bytes.Clone(text), domainsOfTests...)
		if err != nil {
			return
		}
		again, err := newPolicy(p.text, domainsOfTests...)
		if err != nil || again.etag != p.etag {
			t.Errorf("what is kept is another policy: %v\n%s", err, p.text)
		}
		a := applied{policyFile: p.policyFile, machines: machines}
		a.test()
		for _, m := range machines {
			newFilter(a.filterFor(m), m)
		}
	})
}
