//go:build linux

package e2e

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"tailscale.com/tsnet"
)

// headscale is the variable with the path of the program. Its tests are skipped
// where it was not built: see wantsHeadscale.
const headscale = "TAILJOIN_TEST_HEADSCALE"

// wantsHeadscale reports whether the tests that run include those with a
// Headscale, which takes minutes to compile the first time.
func wantsHeadscale(args []string) bool {
	for i, arg := range args {
		name, value, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if name != "test.run" || !strings.HasPrefix(arg, "-") {
			continue
		}
		if !hasValue && i+1 < len(args) {
			value = args[i+1]
		}
		return value == "" || strings.Contains(value, "Headscale")
	}
	return true
}

// A headscaleServer is a control server that is not ours, with a user and a node
// called my-server that has a page.
type headscaleServer struct {
	t    *testing.T
	URL  string
	dir  string
	user string // ID
}

// headscaleOptions say where a Headscale listens.
type headscaleOptions struct {
	address string // "" is 127.0.0.1
	tls     bool   // with a certificate of an authority of its own
}

// A headscaleJob is a job that joins a Headscale by an auth key. Its world's local
// tailnet has the relay, and whatever a job must not speak to.
type headscaleJob struct {
	*world
	server *headscaleServer
}

const headscaleConfig = `
server_url: %[1]s
listen_addr: %[2]s
grpc_listen_addr: %[3]s
grpc_allow_insecure: true
noise: {private_key_path: %[4]s/noise.key}
prefixes: {v4: 100.64.0.0/10, v6: "fd7a:115c:a1e0::/48", allocation: sequential}
derp: {server: {enabled: false}, urls: [%[5]s/derpmap/default], paths: [], auto_update_enabled: false}
disable_check_updates: true
node: {ephemeral: {inactivity_timeout: 66s}}
database: {type: sqlite, sqlite: {path: %[4]s/db.sqlite, write_ahead_log: true}}
log: {level: info, format: text}
policy: {mode: file, path: %[4]s/policy.hujson}
dns: {magic_dns: true, base_domain: hs.test, override_local_dns: false, nameservers: {global: []}}
unix_socket: %[4]s/headscale.sock
logtail: {enabled: false}
`

const headscalePolicy = `{
	"tagOwners": {"tag:ci": ["ops@"], "tag:server": ["ops@"]},
	"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}],
}`

// newHeadscale starts a Headscale and prepares a job with a key for it: an ephemeral
// one for one node with tag:ci.
func newHeadscale(t *testing.T, o headscaleOptions) *headscaleJob {
	t.Helper()
	if os.Getenv(headscale) == "" {
		t.Skip("Headscale was not built: -run has to be empty, or to name Headscale")
	}
	w := newWorld(t, localtailnet.Options{})
	h := &headscaleServer{t: t, dir: shortDir(t)}
	h.start(w, o)
	h.user = h.created(h.mustCall("users", "create", "ops"))
	h.mustPeer()
	w.identify(map[string]string{"AUTHKEY": h.mustKey("--ephemeral", "--tags=tag:ci"), "LOGIN_SERVER": h.URL, "TAGS": ""})
	delete(w.vars, "TAILJOIN_API_URL")
	return &headscaleJob{w, h}
}

// start returns when the server answers.
func (h *headscaleServer) start(w *world, o headscaleOptions) {
	h.t.Helper()
	address, scheme, config := net.JoinHostPort(cmp.Or(o.address, "127.0.0.1"), h.freePort()), "http", headscaleConfig
	if o.tls {
		scheme = "https"
		config += h.mustCertify(w, cmp.Or(o.address, "127.0.0.1"))
	}
	h.URL = scheme + "://" + address
	config = fmt.Sprintf(config, h.URL, address, "127.0.0.1:"+h.freePort(), h.dir, w.ControlURL)
	for name, content := range map[string]string{"config.yaml": config, "policy.hujson": headscalePolicy} {
		if err := os.WriteFile(filepath.Join(h.dir, name), []byte(content), 0o600); err != nil {
			h.t.Fatal(err)
		}
	}
	log, err := os.Create(filepath.Join(h.dir, "log"))
	if err != nil {
		h.t.Fatal(err)
	}
	cmd := h.command("serve")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	h.t.Cleanup(func() {
		cmd.Process.Kill()
		<-exited
		log.Close()
	})
	h.await(address, exited)
}

func (h *headscaleServer) await(address string, exited <-chan error) {
	h.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case err = <-exited:
		case <-time.After(20 * time.Millisecond):
			if time.Now().Before(deadline) {
				continue
			}
		}
		log, _ := os.ReadFile(filepath.Join(h.dir, "log"))
		h.t.Fatalf("headscale does not serve: %v\n%s", err, log)
	}
}

// headscaleCA is the variable with the directory of an authority that this process
// trusts, since a node of Headscale's runs in it, and jobs only where a test says so.
const headscaleCA = "TAILJOIN_TEST_HEADSCALE_CA"

// trustHeadscale makes the authority. It comes before the first certificate that
// this process verifies.
func trustHeadscale() error {
	dir, err := os.MkdirTemp("", "authority-")
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Headscale CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	os.Setenv(headscaleCA, dir)
	os.Setenv("SSL_CERT_FILE", filepath.Join(dir, "ca.pem"))
	return errors.Join(writePEM(dir, "ca.pem", "CERTIFICATE", certificate), writePEM(dir, "ca-key.pem", "PRIVATE KEY", der))
}

func writePEM(dir, name, kind string, der []byte) error {
	return os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

// mustCertify gives the server a certificate, and the job a file with the authority
// that signed it. It returns lines of the configuration.
func (h *headscaleServer) mustCertify(w *world, address string) string {
	h.t.Helper()
	authority := os.Getenv(headscaleCA)
	pair, err := tls.LoadX509KeyPair(filepath.Join(authority, "ca.pem"), filepath.Join(authority, "ca-key.pem"))
	if err != nil {
		h.t.Fatal(err)
	}
	c := &company{t: h.t, authority: pair.Leaf, key: pair.PrivateKey.(*ecdsa.PrivateKey)}
	key, certificate := c.mustCertify(&x509.Certificate{IPAddresses: []net.IP{net.ParseIP(address)}}, c.authority)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err := errors.Join(err, writePEM(h.dir, "cert.pem", "CERTIFICATE", certificate.Raw), writePEM(h.dir, "key.pem", "PRIVATE KEY", der)); err != nil {
		h.t.Fatal(err)
	}
	w.vars["SSL_CERT_FILE"] = filepath.Join(authority, "ca.pem")
	return fmt.Sprintf("tls_cert_path: %[1]s/cert.pem\ntls_key_path: %[1]s/key.pem\n", h.dir)
}

// freePort is localtailnet.FreePort.
func (h *headscaleServer) freePort() string {
	h.t.Helper()
	port, err := localtailnet.FreePort()
	if err != nil {
		h.t.Fatal(err)
	}
	return port
}

func (h *headscaleServer) command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Getenv(headscale), append([]string{"--config=" + filepath.Join(h.dir, "config.yaml"), "--output=json"}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.dir, "HEADSCALE_CLI_TIMEOUT=20s"}
	return cmd
}

// mustCall asks the server by its own command line.
func (h *headscaleServer) mustCall(args ...string) []byte {
	h.t.Helper()
	cmd := h.command(args...)
	var words strings.Builder
	cmd.Stderr = &words
	out, err := cmd.Output()
	if err != nil {
		h.t.Fatalf("headscale %q: %v\n%s%s", args, err, out, words.String())
	}
	return out
}

// created is the ID of what a call made.
func (h *headscaleServer) created(answer []byte) string {
	h.t.Helper()
	return fmt.Sprint(decode[struct{ ID json.Number }](h.t, string(answer)).ID)
}

// mustKey makes an auth key of the user's.
func (h *headscaleServer) mustKey(flags ...string) string {
	h.t.Helper()
	return decode[struct{ Key string }](h.t, string(h.mustCall(append([]string{"preauthkeys", "create", "--user=" + h.user}, flags...)...))).Key
}

// A headscaleNode is a node as the server knows it.
type headscaleNode struct {
	ID          json.Number
	Name        string
	GivenName   string   `json:"given_name"`
	IPAddresses []string `json:"ip_addresses"`
	Tags        []string
	Online      bool
}

// nodes are all nodes but my-server.
func (h *headscaleServer) nodes() []headscaleNode {
	h.t.Helper()
	all := decode[[]headscaleNode](h.t, string(h.mustCall("nodes", "list")))
	return slices.DeleteFunc(all, func(n headscaleNode) bool { return n.GivenName == "my-server" })
}

// mustPeer puts my-server on the tailnet: a node with a page on port 80.
func (h *headscaleServer) mustPeer() {
	h.t.Helper()
	localtailnet.KeepOffTheNetwork()
	node := &tsnet.Server{
		Dir: shortDir(h.t), Hostname: "my-server", ControlURL: h.URL, AuthKey: h.mustKey("--tags=tag:server"),
		Ephemeral: true, Logf: func(string, ...any) {}, UserLogf: func(string, ...any) {},
	}
	ctx, cancel := context.WithTimeout(h.t.Context(), 30*time.Second)
	defer cancel()
	if _, err := node.Up(ctx); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { node.Close() })
	listener, err := node.Listen("tcp", ":80")
	if err != nil {
		h.t.Fatal(err)
	}
	page := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "Hello from my-server\n") })}
	go page.Serve(listener)
	h.t.Cleanup(func() { page.Close() })
}

// wantNothingLeft fails unless the job left no trace, at the Headscale either.
func (j *headscaleJob) wantNothingLeft() {
	j.t.Helper()
	if nodes := j.server.nodes(); len(nodes) > 0 {
		j.t.Errorf("nodes are left at the Headscale: %+v", nodes)
	}
	j.world.wantNothingLeft()
}
