// Package captures reads policies of which Tailscale's own service said what
// they mean: whether it takes them, and which packet filter each node of a
// tailnet then gets. They were captured in April and May 2026 and are test data
// of headscale, in whose module they are read. Tests compare with them what
// policyfile says of a policy, and what the local tailnet makes of it.
package captures

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"tailscale.com/tailcfg"
)

// The module that has the captures, and its sum, as go.sum has it.
const (
	Module = "github.com/juanfont/headscale@v0.29.2"
	sum    = "h1:eW7zz5yiVlSP1+5zUgPM2YWOoSNkzgX0wBMt5T4zF9g="
)

// Dir is the directory with the captures, in the module cache. The first time it
// downloads the module.
func Dir(ctx context.Context) (string, error) {
	download := exec.CommandContext(ctx, "go", "mod", "download", "-json", Module)
	download.Dir = os.TempDir() // outside of a module, whose go.mod would change
	out, err := download.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(failed.Stderr))
	}
	var got struct{ Dir, Sum, Error string }
	if json.Unmarshal(out, &got) == nil && got.Error != "" {
		err = errors.New(got.Error)
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("downloading %s: %w", Module, err)
	case got.Sum != sum:
		return "", fmt.Errorf("the sum of %s is %s, not %s", Module, got.Sum, sum)
	}
	return filepath.Join(got.Dir, "hscontrol", "policy", "v2", "testdata"), nil
}

// Files are the names of the files with the captures.
func Files(dir string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*_results", "*.hujson"))
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("%s has no captures", dir)
	}
	return names, err
}

// A Capture is one policy, and what Tailscale said of it.
type Capture struct {
	Name    string
	Policy  []byte // JSON
	Refusal string // the API's message; "" if it took the policy
	Partial string // why the filters of some nodes may be old; "" if they are not
	Nodes   []Node // by name
}

// A Node is a node of the tailnet, with the packet filter that it was sent.
type Node struct {
	Name      string
	Login     string // of the person who owns it; "" if it has tags
	Tags      []string
	Addresses []netip.Addr
	Routes    []netip.Prefix       // that lead through it
	Filter    []tailcfg.FilterRule // of an older policy, if this one was refused
	IsKnown   bool                 // its filter was captured
}

// Owner is the owner of the tailnet, and Domain the one whose people it is for.
const (
	Owner  = "odin@example.com"
	Domain = "example.com"
)

// A file is what is read of a capture's file.
type file struct {
	ID      string `json:"test_id"`
	Problem string `json:"capture_error"`
	Input   struct {
		Policy json.RawMessage          `json:"full_policy"`
		Status int                      `json:"api_response_code"`
		Answer struct{ Message string } `json:"api_response_body"`
	}
	Topology struct {
		Users []struct{ Name, Email string }
		Nodes map[string]node
	}
	Captures map[string]struct {
		Rules []tailcfg.FilterRule `json:"packet_filter_rules"`
	}
}

type node struct {
	Tags       []string
	User       string
	IPv4, IPv6 netip.Addr
	Approved   []netip.Prefix `json:"approved_routes"`
}

// Read reads a file.
func Read(name string) (*Capture, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var f file
	if err := json.Unmarshal(withoutHeader(text), &f); err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Base(name), err)
	}
	return f.capture(), nil
}

// withoutHeader leaves out the lines of comments in front of the JSON.
func withoutHeader(text []byte) []byte {
	for bytes.HasPrefix(text, []byte("//")) {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	return text
}

func (f *file) capture() *Capture {
	c := &Capture{Name: f.ID, Policy: f.Input.Policy, Partial: f.Problem}
	var text string
	if json.Unmarshal(c.Policy, &text) == nil {
		c.Policy = []byte(text)
	}
	if f.Input.Status != 200 {
		c.Refusal = f.Input.Answer.Message
	}
	for name, n := range f.Topology.Nodes {
		captured, isKnown := f.Captures[name]
		c.Nodes = append(c.Nodes, Node{
			Name: name, Login: f.login(n), Tags: n.Tags, Addresses: []netip.Addr{n.IPv4, n.IPv6},
			Routes: n.Approved, Filter: captured.Rules, IsKnown: isKnown,
		})
	}
	slices.SortFunc(c.Nodes, func(a, b Node) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return c
}

func (f *file) login(n node) string {
	for _, u := range f.Topology.Users {
		if len(n.Tags) == 0 && u.Name == n.User {
			return u.Email
		}
	}
	return ""
}
