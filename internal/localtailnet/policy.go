package localtailnet

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tailscale/hujson"
)

// defaultPolicy is what a new tailnet starts with.
const defaultPolicy = `// Everybody may reach everything. A policy that is set takes the place of this one.
{
	"grants": [
		{"src": ["*"], "dst": ["*"], "ip": ["*"]},
	],
}
`

// A policy is the policy file that a tailnet holds.
type policy struct {
	*policyFile
	text      []byte // HuJSON, as hujson formats it
	etag      string // SHA-256 of the text, in hex
	untouched bool   // it is the one of a new tailnet
}

// newPolicy checks a policy file. Tailscale keeps the text formatted:
// gitops-pusher compares the hash of that. People of the domains belong to the
// tailnet.
func newPolicy(text []byte, domains ...string) (policy, error) {
	file, err := readPolicy(text, domains)
	if err != nil {
		return policy{}, err
	}
	formatted, err := hujson.Format(slices.Clone(text))
	sum := sha256.Sum256(formatted)
	return policy{policyFile: file, text: formatted, etag: hex.EncodeToString(sum[:])}, err
}

func untouchedPolicy() policy {
	p, err := newPolicy([]byte(defaultPolicy))
	if err != nil {
		panic(err)
	}
	p.untouched = true
	return p
}

// SetPolicy replaces the policy file, as somebody does in the admin console.
// The error of a file that is refused is the API's message. What nodes may
// reach changes at once.
func (t *Tailnet) SetPolicy(text string) error {
	_, err := t.setPolicyIf([]byte(text), "")
	return err
}

// Policy returns the policy file, in HuJSON.
func (t *Tailnet) Policy() (text string) {
	t.state.read(func() { text = string(t.state.policy.text) })
	return text
}

// A policyError is a refusal of a policy file, with what its tests say.
type policyError struct {
	apiError
	Data []testFailure `json:"data,omitempty"`
}

func badPolicy(message string) apiError { return apiError{http.StatusBadRequest, message} }

var errOldHash = apiError{http.StatusPreconditionFailed, "precondition failed, invalid old hash"}

// setPolicyIf replaces the policy if its ETag is the one given, in quotes or
// not; "" is any, and "ts-default" the ETag of the policy of a new tailnet.
func (t *Tailnet) setPolicyIf(text []byte, etag string) (p policy, err error) {
	t.state.change(func() {
		if p, err = t.replacement(text, strings.Trim(etag, `"`)); err == nil {
			t.state.policy = p
			t.state.log(OpPolicy, http.StatusOK, "set to %s", p.etag)
		}
	})
	return p, err
}

func (t *Tailnet) replacement(text []byte, etag string) (policy, error) {
	held := t.state.policy
	if etag != "" && etag != held.etag && (etag != "ts-default" || !held.untouched) {
		return held, errOldHash
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return untouchedPolicy(), nil
	}
	p, err := newPolicy(text, t.userDomains()...)
	if err != nil {
		return held, err
	}
	return p, t.apply(p.policyFile).test()
}

// test runs the tests that the file brings.
func (a applied) test() error {
	failed := append(a.run(a.tests), a.runSSH(a.sshTests)...)
	if len(failed) > 0 {
		return policyError{badPolicy("test(s) failed"), failed}
	}
	return nil
}

// userDomains are the domains whose people belong to the tailnet.
func (t *Tailnet) userDomains() []string { return append([]string{t.opts.Name}, t.opts.UserDomains...) }

// apply applies a policy file to the nodes that the tailnet has now.
func (t *Tailnet) apply(f *policyFile) applied {
	a := applied{policyFile: f, owner: users[person].LoginName}
	for _, n := range t.state.nodes {
		if n.MachineAuthorized {
			a.machines = append(a.machines, t.asMachine(n))
		}
	}
	return a
}

// asMachine is n as the rules of a policy see it.
func (t *Tailnet) asMachine(n *node) machine {
	m := machine{tags: n.Tags, attributes: n.attributesAt(time.Now())}
	for _, p := range n.Addresses {
		m.addrs = append(m.addrs, p.Addr())
	}
	if len(n.Tags) == 0 {
		m.login = t.state.people[n.User].LoginName
	}
	if t.opts.AutoApproveRoutes {
		m.routes = t.state.effectiveRoutes(n)
	}
	return m
}
