package tailscaled

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
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
	Reason    string // "" if the daemon has a network interface, or none was wanted
	Contested bool   // Reason is a process that has no right to an interface itself
}

// Choose takes a network interface where the machine allows one and no other
// tailscaled would suffer: two of them share routing table 52, the rules
// that lead there and the resolver's settings, and the second to start tears
// down what it takes for the leftovers of a crash. So a second daemon is a
// userspace one that has not the rights to do that. self is this program, for
// sudo to run.
func Choose(ctx context.Context, wish Wish, self string) Choice {
	return choose(wish, findNeighbour(ctx), func() (string, error) { return askRoot(ctx, self) })
}

// choose is Choose on a machine with this neighbour, where root says this of
// an interface.
func choose(wish Wish, other neighbour, ask func() (noTUN string, err error)) Choice {
	root := os.Geteuid() == 0
	apart := Rights{Nobody: root && other.reason != "" && runtime.GOOS == "linux"}
	switch {
	case wish == WantUserspace:
		return Choice{Rights: apart}
	case other.reason != "":
		return Choice{apart, other.reason, other.contested}
	case root:
		return asRoot()
	default:
		return bySudo(ask)
	}
}

// A neighbour is another tailscaled on this machine, or a process that claims
// to be a join.
type neighbour struct {
	reason    string // why it keeps us from having an interface; "" if there is no neighbour
	contested bool   // no join can be what it is
	passing   bool   // it may be a join's daemon that is ending, or starting
}

func asRoot() Choice {
	if reason := noTUN(); reason != "" {
		return Choice{Reason: reason}
	}
	return Choice{Rights: Rights{TUN: true}}
}

// bySudo asks root itself: what sudo gives may be a root without the
// capability, as in most containers.
func bySudo(ask func() (noTUN string, err error)) Choice {
	if reason := noDevice(); reason != "" {
		return Choice{Reason: reason}
	}
	reason, err := ask()
	if err != nil {
		reason = fmt.Sprintf("not root, and sudo does not let us be (%v)", err)
	}
	if reason != "" {
		return Choice{Reason: reason}
	}
	return Choice{Rights: Rights{TUN: true, Sudo: true}}
}

// askRoot has sudo run `tailjoin root check`, which says why root may not make
// an interface: "" if it may. An error means that sudo does not run this program
// without a password. A password that sudo remembers does not count (-k): it may
// be forgotten before the job leaves.
func askRoot(ctx context.Context, self string) (noTUN string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var said, words bytes.Buffer
	cmd := sudo(ctx, "-k", self, "root", checkTask)
	cmd.Stdout, cmd.Stderr = &said, &words
	if err := cmd.Run(); err != nil {
		return "", errors.New(cmp.Or(strings.TrimSpace(words.String()), err.Error()))
	}
	err = json.Unmarshal(said.Bytes(), &answer{Value: &noTUN})
	return noTUN, err
}

// sudo is a command that root runs, if no password is asked for; flags of sudo
// may go first. It gets nothing of a job's environment, which holds tokens.
func sudo(ctx context.Context, words ...string) *exec.Cmd {
	flags := []string{"-n"}
	for len(words) > 0 && strings.HasPrefix(words[0], "-") {
		flags, words = append(flags, words[0]), words[1:]
	}
	cmd := exec.CommandContext(ctx, "sudo", slices.Concat(flags, []string{"--"}, words)...)
	cmd.Env = []string{"PATH=" + hostPATH()}
	return cmd
}
