//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/sts"
)

// asProgram is the variable by which this test is the program itself.
const asProgram = "STS_TEST_PROGRAM"

func TestMain(m *testing.M) {
	localtailnet.KeepOffTheNetwork()
	if os.Getenv(asProgram) != "" {
		main()
	}
	flag.Parse()
	flag.Set("test.parallel", "4") // on two cores too: they mostly wait
	status := m.Run()
	os.RemoveAll(built)
	os.Exit(status)
}

// built is where tests put programs that they build.
var built = filepath.Join(os.TempDir(), fmt.Sprintf("sts-test-%d", os.Getpid()))

// patience is for a machine that is busy with other tests.
const patience = time.Minute

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func tailnet(t *testing.T, o localtailnet.Options) *localtailnet.Tailnet {
	t.Helper()
	tn, err := localtailnet.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tn.Close)
	return tn
}

// A caller is a node that asks for tokens.
type caller struct {
	*localtailnet.Peer
	*http.Client
}

func join(t *testing.T, tn *localtailnet.Tailnet, hostname string, tags ...string) *caller {
	t.Helper()
	if tags == nil {
		tags = []string{} // a person's node
	}
	p, err := tn.StartPeer(deadline(t), localtailnet.PeerOptions{Hostname: hostname, Tags: tags})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: p.Dial}
	t.Cleanup(transport.CloseIdleConnections)
	return &caller{p, &http.Client{Transport: transport, Timeout: patience}}
}

// An answer is what a caller got.
type answer struct {
	status int
	code   string // of a refusal
	token  string
}

// ask asks a service for a token, as tsiam's clients do.
func (c *caller) ask(t *testing.T, service, audience string) (a answer) {
	t.Helper()
	req, err := http.NewRequestWithContext(deadline(t), "POST", service+"/token?resource="+audience, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Tsiam", "1")
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body struct {
		Code        string `json:"code"`
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		t.Fatalf("%s: %v", res.Status, err)
	}
	return answer{res.StatusCode, body.Code, body.AccessToken}
}

// reaches reports that a service answers: a node learns of a new one in its
// own time.
func (c *caller) reaches(url string) bool {
	res, err := c.Get(url)
	if err != nil {
		return false
	}
	res.Body.Close()
	return true
}

func (c *caller) get(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// A service is the program, running.
type service struct {
	url        string // of the issuer
	name       string // on the tailnet
	configFile string
	audit, log *buffer
	stop       func() // and wait until it has ended
}

// serve runs the program with a configuration of its own, and variables. dir
// keeps its state: the same one makes it the same node.
func serve(t *testing.T, tn *localtailnet.Tailnet, dir, config string, environ ...string) *service {
	t.Helper()
	s := &service{configFile: filepath.Join(dir, "config.yaml"), audit: newBuffer(), log: newBuffer()}
	config = fmt.Sprintf("%s\nsigningKey: {file: {storagePath: %s}}\n", config, filepath.Join(dir, "keys.json"))
	if err := os.WriteFile(s.configFile, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- sts.Run(ctx, sts.Process{
			Args:    []string{"serve", "--config", s.configFile},
			Environ: append(environ, "TS_CONTROL_URL="+tn.ControlURL),
			Out:     s.audit, Err: s.log, Embedded: embedded,
		})
	}()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if status := <-ended; status != sts.Done {
			t.Errorf("it ended with %d", status)
		}
	})
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("the service's log:\n%s", s.log)
		}
	})
	line := s.log.await(t, `"msg":"serving"`, func() bool { return len(ended) > 0 })
	s.url = regexp.MustCompile(`"issuer":"([^"]*)"`).FindStringSubmatch(line)[1]
	s.name, _, _ = strings.Cut(regexp.MustCompile(`//(.*)`).FindStringSubmatch(s.url)[1], ":")
	return s
}

// mintKey is a variable with an auth key for a node with this tag.
func mintKey(tn *localtailnet.Tailnet, tag string) string {
	_, key := tn.MintKey(localtailnet.KeyOptions{Tags: []string{tag}, Preauthorized: true})
	return "TS_AUTHKEY=" + key
}

// A buffer may be written and waited for at the same time.
type buffer struct {
	mu   sync.Mutex
	more *sync.Cond
	text bytes.Buffer
}

func newBuffer() *buffer {
	b := &buffer{}
	b.more = sync.NewCond(&b.mu)
	return b
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.more.Broadcast()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// await returns the first line with this in it.
func (b *buffer) await(t *testing.T, what string, ended func() bool) string {
	t.Helper()
	awake := time.NewTicker(100 * time.Millisecond) // for what ended without a word
	defer awake.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-awake.C {
		for line := range strings.Lines(b.String()) {
			if strings.Contains(line, what) {
				return line
			}
		}
		if ended() {
			break
		}
	}
	t.Fatalf("nothing said %s:\n%s", what, b)
	return ""
}

// run runs another command of the program, with the service's configuration.
func run(t *testing.T, s *service, args ...string) string {
	t.Helper()
	out, words := newBuffer(), newBuffer()
	status := sts.Run(t.Context(), sts.Process{Args: append(args, "--config", s.configFile), Out: out, Err: words})
	if status != sts.Done {
		t.Fatalf("%v: %d %s", args, status, words)
	}
	return out.String()
}
