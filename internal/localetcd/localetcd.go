// Package localetcd runs a real etcd on loopback, for tests.
package localetcd

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"

	"github.com/tailjoin/tailjoin/internal/localtailnet/build"
)

// Options say what kind of an etcd it is.
type Options struct {
	Dir string // of its data

	CertFile, KeyFile string   // PEM; "" is no TLS
	ClientCAFile      string   // PEM; who signs the certificates that clients need; "" is none
	Args              []string // further flags of etcd
}

// A Server is an etcd of one member.
type Server struct {
	URL string // for clients; the same after Restart

	options Options
	binary  string
	cmd     *exec.Cmd
	drained chan struct{}
}

// Start returns when etcd serves. Whoever calls it has to Close it.
func Start(ctx context.Context, o Options) (*Server, error) {
	binary, err := build.Etcd(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{options: o, binary: binary}
	for range 3 { // somebody else may be given the same port meanwhile
		if s.URL, err = freeURL(o.CertFile != ""); err != nil {
			return nil, err
		}
		if err = s.Restart(ctx); err == nil || ctx.Err() != nil {
			break
		}
	}
	return s, err
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

// A single member has no others to wait for: it elects itself at once.
func (s *Server) args() []string {
	const peers = "http://127.0.0.1:0"
	args := []string{
		"--name=only", "--data-dir=" + s.options.Dir, "--log-outputs=stderr",
		"--listen-client-urls=" + s.URL, "--advertise-client-urls=" + s.URL,
		"--listen-peer-urls=" + peers, "--initial-advertise-peer-urls=" + peers, "--initial-cluster=only=" + peers,
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
