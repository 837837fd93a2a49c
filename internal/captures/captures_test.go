package captures_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/tailjoin/tailjoin/internal/captures"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"tailscale.com/tailcfg"
)

// read reads the captures, once for all tests. Without the module, there is a
// reason to skip them.
var read = sync.OnceValues(func() ([]*captures.Capture, error) {
	dir, err := captures.Dir(context.Background())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAbsent, err)
	}
	names, err := captures.Files(dir)
	if err != nil {
		return nil, err
	}
	all, errs := make([]*captures.Capture, len(names)), make([]error, len(names))
	inParallel(len(names), func(i int) { all[i], errs[i] = captures.Read(names[i]) })
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return all, nil
})

var errAbsent = errors.New("no captures to compare with")

// all are the captures.
func all(t *testing.T) []*captures.Capture {
	t.Helper()
	list, err := read()
	if errors.Is(err, errAbsent) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 860 {
		t.Fatalf("there are only %d captures", len(list))
	}
	return list
}

func inParallel(n int, f func(int)) {
	var work sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		work.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	work.Wait()
}

// judged is what the local tailnet makes of a capture's policy.
func judged(c *captures.Capture) (map[string][]tailcfg.FilterRule, error) {
	var nodes []localtailnet.PolicyNode
	for _, n := range c.Nodes {
		nodes = append(nodes, localtailnet.PolicyNode{Name: n.Name, Login: n.Login, Tags: n.Tags, Addresses: n.Addresses, Routes: n.Routes})
	}
	return localtailnet.Judge(c.Policy, captures.Owner, []string{captures.Domain}, nodes)
}

// compare runs a comparison for each capture that it is about and fails unless
// it finds exactly the differences that are explained. why is "" if there is no
// difference, and ok false if the comparison is not about the capture.
func compare(t *testing.T, explained map[string]string, one func(*captures.Capture) (why string, ok bool)) {
	t.Helper()
	list := all(t)
	why, ok := make([]string, len(list)), make([]bool, len(list))
	inParallel(len(list), func(i int) { why[i], ok[i] = one(list[i]) })
	n, alike := 0, 0
	var found []string
	for i, c := range list {
		if !ok[i] {
			continue
		}
		n++
		switch {
		case why[i] == "":
			alike++
		case explained[c.Name] != "":
			found = append(found, c.Name)
		default:
			t.Errorf("%s: %s", c.Name, why[i])
		}
	}
	for name := range explained {
		if !slices.Contains(found, name) {
			t.Errorf("%s is explained and does not differ", name)
		}
	}
	t.Logf("%d of %d alike, %d explained", alike, n, len(found))
}
