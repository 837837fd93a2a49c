//go:build linux

package action

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"golang.org/x/crypto/ssh"
)

func TestTailnetSSHDeploy_runsTheCommandOnTheHost(t *testing.T) {
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("there is no ssh (apt-get install openssh-client)")
	}
	ours := releaseOf(t, program("dist"))
	host, user, mallory := newSSHKey(t), newSSHKey(t), newSSHKey(t)
	for name, c := range map[string]struct {
		tailscaleSSH bool   // the tailnet has the host's key, and the host lets in whom the tailnet let through
		knownHosts   sshKey // of the input; the zero value is none
		key          sshKey // of the secret
		command      string
		exit         int
		log          string // what it says
		ran          []string
	}{
		"by Tailscale SSH":          {tailscaleSSH: true, command: two, ran: []string{"deploy: " + two}},
		"by a key":                  {knownHosts: host, key: user, command: two, ran: []string{"deploy: " + two}},
		"and the command fails":     {tailscaleSSH: true, command: "exit 7", exit: 1, log: "exit status 7", ran: []string{"deploy: exit 7"}},
		"the host's key is another": {knownHosts: mallory, key: user, command: two, exit: 1, log: "Host key verification failed"},
		"the user's key is another": {knownHosts: host, key: mallory, command: two, exit: 1, log: "Permission denied"},
		"nobody knows the host":     {command: two, exit: 1, log: "Host key verification failed"},
		"a key, and no host's":      {key: user, command: two, exit: 1, log: "known-hosts is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			server := w.startSSH(host, user, c.tailscaleSSH)
			got := job{
				files:   map[string]string{"tailnet-ssh-deploy.yml": ours.reusable(t, "tailnet-ssh-deploy.yml"), "test.yml": w.deploys(c.knownHosts, c.command)},
				secrets: map[string]string{"DEPLOY_KEY": c.key.private},
				actions: []action{ours},
				env:     w.env(),
			}.run(t)

			if got.exit != c.exit || !strings.Contains(got.log, c.log) {
				t.Errorf("act's exit status: got %d, want %d, and %q", got.exit, c.exit, c.log)
			}
			if diff := cmp.Diff(c.ran, server.commands()); diff != "" {
				t.Errorf("what the host ran (-want +got):\n%s", diff)
			}
			w.wantNothingLeft(got)
			if t.Failed() {
				t.Log(got.log)
			}
		})
	}
}

// two lines that a shell on the way would change.
const two = `echo "it's $HOME"
uptime`

// deploys is a workflow that calls ours.
func (w *world) deploys(known sshKey, command string) string {
	text := `
on: push
jobs:
  call:
    permissions: { id-token: write }
    uses: ./.github/workflows/tailnet-ssh-deploy.yml
    with:
      oauth-client-id: ` + client + `
      tags: tag:ci
      host: my-server
      user: deploy
      login-server: "` + w.ControlURL + `"
      run: |-
        ` + strings.ReplaceAll(command, "\n", "\n        ") + `
`
	if known.public != "" {
		text += "      known-hosts: my-server " + known.public + "\n"
	}
	return text + "    secrets:\n      ssh-key: ${{ secrets.DEPLOY_KEY }}\n"
}

// An sshKey is a key as its files have it.
type sshKey struct{ public, private string }

func newSSHKey(t *testing.T) sshKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	private := string(pem.EncodeToMemory(block))
	return sshKey{public: public(t, private), private: private}
}

func public(t *testing.T, private string) string {
	t.Helper()
	signer, err := ssh.ParsePrivateKey([]byte(private))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
}

// An sshServer notes the commands that it is sent.
type sshServer struct {
	config *ssh.ServerConfig
	mu     sync.Mutex
	ran    []string // USER: COMMAND
}

// startSSH puts my-server onto the tailnet, with a server for a user's key, or
// as Tailscale SSH is: open, since the tailnet has let the visitor through.
func (w *world) startSSH(host, user sshKey, open bool) *sshServer {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	var o localtailnet.PeerOptions
	if open {
		o.SSHHostKeys = []string{host.public}
	}
	peer, err := w.StartPeer(ctx, o)
	if err != nil {
		w.t.Fatal(err)
	}
	listener, err := peer.Listen("tcp", ":22")
	if err != nil {
		w.t.Fatal(err)
	}
	s := &sshServer{config: &ssh.ServerConfig{
		NoClientAuth: open,
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) != user.public {
				return nil, ssh.ErrNoAuth
			}
			return nil, nil
		},
	}}
	signer, err := ssh.ParsePrivateKey([]byte(host.private))
	if err != nil {
		w.t.Fatal(err)
	}
	s.config.AddHostKey(signer)
	go s.serve(listener)
	return s
}

func (s *sshServer) commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ran
}

// serve ends with the peer.
func (s *sshServer) serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go s.talk(conn)
	}
}

func (s *sshServer) talk(conn net.Conn) {
	defer conn.Close()
	server, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for ch := range channels {
		channel, requests, err := ch.Accept()
		if err != nil {
			return
		}
		s.run(server.User(), channel, requests)
	}
}

// run takes a command for done, unless it is "exit N".
func (s *sshServer) run(user string, channel ssh.Channel, requests <-chan *ssh.Request) {
	defer channel.Close()
	for r := range requests {
		if r.Type != "exec" {
			r.Reply(false, nil)
			continue
		}
		var exec struct{ Command string }
		ssh.Unmarshal(r.Payload, &exec)
		r.Reply(true, nil)
		s.mu.Lock()
		s.ran = append(s.ran, user+": "+exec.Command)
		s.mu.Unlock()
		var status struct{ Code uint32 }
		if code, ok := strings.CutPrefix(exec.Command, "exit "); ok {
			status.Code = uint32(code[0] - '0')
		}
		channel.SendRequest("exit-status", false, ssh.Marshal(status))
		return
	}
}
