// Package localetcd runs a real etcd on loopback, for tests.
package localetcd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/tailjoin/tailjoin/internal/localtailnet/build"
)

// Options say what kind of an etcd it is.
type Options struct {
	Dir string // of the data

	CertFile, KeyFile string   // PEM; "" is no TLS
	ClientCAFile      string   // PEM; who signs the certificates that clients need; "" is none
	Args              []string // further flags of etcd
}

// A Server is a member of a cluster, mostly its only one.
type Server struct {
	URL string // for clients; the same after Restart

	options       Options
	binary        string
	name, cluster string
	peer          string // URL for other members
	cmd           *exec.Cmd
	drained       chan struct{}
}

// Start returns when etcd serves. Whoever calls it has to Close it.
func Start(ctx context.Context, o Options) (*Server, error) {
	all, err := StartCluster(ctx, 1, o)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// StartCluster returns when all members serve. Whoever calls it has to Close
// each.
func StartCluster(ctx context.Context, size int, o Options) (all []*Server, err error) {
	binary, err := build.Etcd(ctx)
	if err != nil {
		return nil, err
	}
	for range 3 { // somebody else may be given the same port meanwhile
		if all, err = newCluster(binary, size, o); err != nil {
			return nil, err
		}
		if err = startAll(ctx, all); err == nil || ctx.Err() != nil {
			break
		}
	}
	return all, err
}

func newCluster(binary string, size int, o Options) ([]*Server, error) {
	dir, err := os.MkdirTemp(o.Dir, "cluster-")
	if err != nil {
		return nil, err
	}
	var all []*Server
	var peers []string
	for i := range size {
		s := &Server{binary: binary, options: o, name: fmt.Sprintf("member-%d", i)}
		s.options.Dir = filepath.Join(dir, s.name)
		url, err1 := freeURL(o.CertFile != "")
		peer, err2 := freeURL(false)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		s.URL, s.peer = url, peer
		all, peers = append(all, s), append(peers, s.name+"="+peer)
	}
	for _, s := range all {
		s.cluster = strings.Join(peers, ",")
	}
	return all, nil
}

// freeURL has a port: etcd's gateway connects to what it was told.
func freeURL(secured bool) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	scheme := "http://"
	if secured {
		scheme = "https://"
	}
	return scheme + l.Addr().String(), l.Close()
}

// startAll starts all at the same time: each waits for most of the others.
func startAll(ctx context.Context, all []*Server) error {
	failed := make([]error, len(all))
	var work sync.WaitGroup
	for i, s := range all {
		work.Go(func() { failed[i] = s.Restart(ctx) })
	}
	work.Wait()
	err := errors.Join(failed...)
	for i, s := range all {
		if err != nil && failed[i] == nil {
			s.Close()
		}
	}
	return err
}

// Restart starts it after a Kill, with its data and at its address.
func (s *Server) Restart(ctx context.Context) error {
	s.cmd = exec.Command(s.binary, s.args()...)
	said, err := s.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { s.cmd.Process.Kill() })
	defer stop()
	return s.await(said)
}

// Elections are quick: all members are on this machine.
func (s *Server) args() []string {
	args := []string{
		"--name=" + s.name, "--data-dir=" + s.options.Dir, "--log-outputs=stderr",
		"--listen-client-urls=" + s.URL, "--advertise-client-urls=" + s.URL,
		"--listen-peer-urls=" + s.peer, "--initial-advertise-peer-urls=" + s.peer, "--initial-cluster=" + s.cluster,
		"--heartbeat-interval=10", "--election-timeout=100",
	}
	if s.options.CertFile != "" {
		args = append(args, "--cert-file="+s.options.CertFile, "--key-file="+s.options.KeyFile)
	}
	if s.options.ClientCAFile != "" {
		args = append(args, "--client-cert-auth", "--trusted-ca-file="+s.options.ClientCAFile)
	}
	return append(args, s.options.Args...)
}

// await reads etcd's log until it says where it serves; and on, so that etcd
// never waits for a reader.
func (s *Server) await(log io.Reader) error {
	var seen strings.Builder
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if strings.Contains(lines.Text(), `"msg":"serving client traffic `) {
			s.drained = make(chan struct{})
			go func() {
				defer close(s.drained)
				io.Copy(io.Discard, log) // until it ends
			}()
			return nil
		}
		fmt.Fprintln(&seen, lines.Text())
	}
	return fmt.Errorf("starting etcd: %w\n%s", s.cmd.Wait(), seen.String())
}

// Kill ends it at once, as a power cut would.
func (s *Server) Kill() {
	s.cmd.Process.Kill()
	<-s.drained
	s.cmd.Wait() // it was killed
}

// Close ends it. Its data stay.
func (s *Server) Close() { s.Kill() }
