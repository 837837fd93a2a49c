//go:build linux

package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/sts/verifiers"
	"github.com/tailjoin/tailjoin/test/sts/world"
)

const audience = "https://api.example.com"

// configuration is the default, but that one node may ask as often as it can.
const configuration = "tokens: {allowedAudiences: [" + audience + "]}\n"

// A subject is a program that gives out tokens.
type subject struct {
	name string
	door
	process
}

const service, bare = "tailjoin-sts", "bare handler"

// findings are all that was measured.
type findings struct {
	rounds map[string][]round // by subject
	open   map[string]latencies
	memory []sample
	whole  round // over which memory was watched
}

// measure starts both programs and measures them in turn.
func measure(ctx context.Context, o options) ([]target, error) {
	dir, err := os.MkdirTemp("/tmp", "b") // short: a socket is in it
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	programs, _ := world.Kept()
	w, err := world.New(ctx, programs, dir, audience)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	audit, err := newAudit()
	if err != nil {
		return nil, err
	}
	sts, err := w.Serve(ctx, 80, configuration, audit.writer)
	if err != nil {
		return nil, err
	}
	defer sts.Stop()
	least, stop, err := startBare(ctx, w, sts)
	if err != nil {
		return nil, err
	}
	defer stop()

	r := report{os.Stdout}
	r.header()
	served := subject{service, newDoor(net.JoinHostPort(w.Machine.String(), "80"), "?resource="+audience, w.Dial), process(sts.Pid())}
	found, err := o.measure(ctx, served, least)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(genuine(ctx, sts), audit.has(found.tokens())); err != nil {
		return nil, err
	}
	return r.all(found), nil
}

// startBare starts the bare handler at the machine's address, to sign what the
// service signs.
func startBare(ctx context.Context, w *world.World, s *world.Service) (subject, func(), error) {
	token, err := s.Token(ctx, audience)
	if err != nil {
		return subject{}, nil, err
	}
	claims, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		return subject{}, nil, err
	}
	address := net.JoinHostPort(w.Machine.String(), "8080")
	cmd := exec.CommandContext(ctx, bareProgram, "-listen", address)
	cmd.Stdin, cmd.Stderr = strings.NewReader(string(claims)), os.Stderr
	if err := cmd.Start(); err != nil {
		return subject{}, nil, err
	}
	stop := func() {
		cmd.Process.Kill()
		cmd.Wait()
	}
	d := newDoor(address, "", w.Dial)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if clients, err := d.clients(ctx, 1); err == nil {
			hangUp(clients)
			return subject{bare, d, process(cmd.Process.Pid)}, stop, nil
		} else if time.Now().After(end) {
			stop()
			return subject{}, nil, err
		}
	}
}

func (o options) lasting(d time.Duration) time.Duration {
	if o.quick {
		return d / 10
	}
	return d
}

const repetitions = 5

// measure goes from one part to the next. In the first the programs take
// turns, so that whatever else the machine does falls on both.
func (o options) measure(ctx context.Context, subjects ...subject) (*findings, error) {
	f := &findings{rounds: map[string][]round{}, open: map[string]latencies{}}
	for i := range repetitions + 1 {
		fmt.Fprint(os.Stderr, ".")
		for _, s := range subjects {
			r, err := s.round(ctx, 0, o.lasting(4*time.Second), nil)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			f.rounds[s.name] = append(f.rounds[s.name], r) // the first warms up, and is not shown
			if i == 0 {
				f.rounds[s.name][0].warm = true
			}
		}
	}
	for _, s := range subjects {
		fmt.Fprint(os.Stderr, "-")
		l, err := open(ctx, s.door, o.lasting(20*time.Second))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		f.open[s.name] = l
	}
	fmt.Fprintln(os.Stderr, "|")
	return f, f.watch(ctx, subjects[0], int64(o.tokens))
}

// genuine has others verify a token, after all that was asked of the service.
func genuine(ctx context.Context, s *world.Service) error {
	token, err := s.Token(ctx, audience)
	if err != nil {
		return err
	}
	for name, verify := range verifiers.All {
		err := verify(ctx, verifiers.Claim{Issuer: s.URL, Audience: audience, Token: token, At: time.Now()})
		if err != nil {
			return fmt.Errorf("%s does not accept a token: %w", name, err)
		}
	}
	return nil
}
