package tailscaled

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Rights say how a daemon carries packets, and as whom it runs.
type Rights struct {
	TUN    bool // a network interface that every process uses; else only proxies
	Sudo   bool // we are not root, but sudo asks for no password
	Nobody bool // we are root, but the daemon must not be able to touch the host's network
}

// A Wish is what the user says of the network interface.
type Wish int

const (
	Any           Wish = iota
	WantTUN            // refuse to run without one
	WantUserspace      // do not make one
)

// A Choice is the rights taken and why better ones were not.
type Choice struct {
	Rights
	Reason string // "" if the daemon has a network interface, or none was wanted
}

// Choose takes a network interface where the machine allows one and no other
// tailscaled would suffer: two of them share routing table 52, the rules
// that lead there and the resolver's settings, and the second to start tears
// down what it takes for the leftovers of a crash. So a second daemon is a
// userspace one that has not the rights to do that.
func Choose(ctx context.Context, wish Wish) Choice {
	return choose(wish, neighbour(ctx), func() error { return canSudo(ctx) })
}

// choose is Choose on a machine with this other tailscaled, "" for none.
func choose(wish Wish, other string, sudoWorks func() error) Choice {
	root := os.Geteuid() == 0
	apart := Rights{Nobody: root && other != "" && runtime.GOOS == "linux"}
	switch {
	case wish == WantUserspace:
		return Choice{Rights: apart}
	case other != "":
		return Choice{apart, other}
	case root:
		return asRoot()
	default:
		return bySudo(sudoWorks)
	}
}

func asRoot() Choice {
	if reason := noTUN(); reason != "" {
		return Choice{Reason: reason}
	}
	return Choice{Rights: Rights{TUN: true}}
}

func bySudo(works func() error) Choice {
	if reason := noDevice(); reason != "" {
		return Choice{Reason: reason}
	}
	if err := works(); err != nil {
		return Choice{Reason: fmt.Sprintf("not root, and sudo does not let us be (%v)", err)}
	}
	return Choice{Rights: Rights{TUN: true, Sudo: true}}
}

// canSudo reports whether sudo runs a program without asking.
func canSudo(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	words, err := sudo(ctx, "true").CombinedOutput()
	if err != nil && len(words) > 0 {
		return errors.New(strings.TrimSpace(string(words)))
	}
	return err
}

// sudo is a command that root runs, if no password is asked for. It gets
// nothing of a job's environment, which holds tokens.
func sudo(ctx context.Context, words ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sudo", append([]string{"-n", "--"}, words...)...)
	cmd.Env = []string{"PATH=" + hostPATH()}
	return cmd
}
