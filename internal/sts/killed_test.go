package sts_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/localetcd"
	"github.com/tailjoin/tailjoin/internal/localtailnet/build"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/sts"
	"github.com/tailjoin/tailjoin/internal/sts/etcd"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
)

var (
	kills = flag.Int("kills", 20, "how many times a process is killed that writes keys, for each store")
	seed  = flag.Uint64("seed", 0, "of the moments at which it is; 0 draws one")
)

// rotating is the variable by which this program is one that rotates keys
// until it is killed: the name of a configuration.
const rotating = "STS_TEST_ROTATE"

func TestMain(m *testing.M) {
	if config := os.Getenv(rotating); config != "" {
		rotateForever(config)
	}
	os.Exit(m.Run())
}

// rotateForever prints which key signs, each time that was made sure of. A
// store that is away will be back.
func rotateForever(config string) {
	for {
		var out bytes.Buffer
		status := sts.Run(context.Background(), sts.Process{
			Args: []string{"keys", "rotate", "--force", "--config", config}, Out: &out, Err: io.Discard,
		})
		for line := range strings.Lines(out.String()) {
			if words := strings.Fields(line); status == sts.Done && len(words) > 2 && words[2] == "active" {
				fmt.Println(words[0])
			}
		}
	}
}

// A victim is what is killed, and the store that has to survive it.
type victim struct {
	*testing.T
	rand   *rand.Rand
	config string
	store  keyring.Store
	etcd   *localetcd.Server // killed instead of who writes, if it is not nil
	length time.Duration     // of a life after its first key, at most

	said    []string // keys that signed
	halfway int      // new files that were not in place yet
	untold  int      // rotations that are stored, and of which nobody was told
}

// A process is killed at random moments while it writes keys; and so is etcd.
// No key that anybody was told of is lost, and none is half there.
func TestKeys_areWholeWhateverIsKilled(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("-seed=%d draws the same moments again", *seed)
	t.Run("a writer of a file", func(t *testing.T) {
		killOften(t, *kills, func(v *victim) {
			path := filepath.Join(v.TempDir(), "keys.json")
			v.configure("storage: file, file: {storagePath: " + path + "}")
			v.store, v.length = keyring.File{Path: path}, 10*time.Millisecond
		})
	})
	t.Run("a writer of etcd", func(t *testing.T) {
		server := startEtcd(t)
		killOften(t, *kills, func(v *victim) {
			v.useEtcd(server)
			v.length = 20 * time.Millisecond
		})
	})
	t.Run("etcd", func(t *testing.T) {
		server := startEtcd(t)
		killOften(t, *kills/5, func(v *victim) { // each takes a second
			v.useEtcd(server)
			v.etcd, v.length = server, 50*time.Millisecond
		})
	})
}

// killOften begins a new ring again and again: one to which every rotation
// adds a key grows.
func killOften(t *testing.T, kills int, begin func(*victim)) {
	const lives = 20
	halfway, untold, said := 0, 0, 0
	random := rand.New(rand.NewPCG(*seed, 0))
	for left := kills; left > 0 && !t.Failed(); left -= lives {
		v := &victim{T: t, rand: random}
		begin(v)
		v.check(v.keeper().Open(t.Context()))
		for range min(left, lives) {
			v.live()
			v.look()
		}
		halfway += v.halfway
		untold += v.untold
		said += len(v.said)
	}
	t.Logf("%d kills among %d rotations: %d while a new file was not in place yet, %d between the change and the word of it", kills, said+untold, halfway, untold)
	if said < kills {
		t.Errorf("only %d rotations in %d lives", said, kills)
	}
}

func startEtcd(t *testing.T) *localetcd.Server {
	t.Helper()
	if _, err := build.Etcd(t.Context()); err != nil {
		t.Skipf("there is no etcd: %v", err)
	}
	s, err := localetcd.Start(t.Context(), localetcd.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func (v *victim) useEtcd(server *localetcd.Server) {
	key := fmt.Sprintf("keys-%d", v.rand.Uint64())
	v.configure(fmt.Sprintf("storage: etcd, etcd: {endpoints: ['%s'], key: %s}", server.URL, key))
	store, err := etcd.New(etcd.Options{Endpoints: []string{server.URL}, Key: key, Password: secret.Text{}})
	v.check(err)
	v.store = store
}

func (v *victim) configure(signingKey string) {
	v.config = filepath.Join(v.TempDir(), "config.yaml")
	text := "tokens: {allowedAudiences: [x]}\nsigningKey: {" + signingKey + "}\n"
	v.check(os.WriteFile(v.config, []byte(text), 0o600))
}

func (v *victim) check(err error) {
	v.Helper()
	if err != nil {
		v.Fatal(err)
	}
}

func (v *victim) keeper() *keyring.Keeper {
	return &keyring.Keeper{
		Store: v.store, Algorithms: []string{"ES256"},
		Timing: keyring.Timing{Lifetime: 5 * time.Minute, Skew: time.Minute, CacheFor: 5 * time.Minute, Refresh: 10 * time.Second},
	}
}

// watched counts the changes of a store.
type watched struct {
	keyring.Store
	swaps int
}

func (w *watched) Swap(ctx context.Context, old string, document []byte) (string, error) {
	w.swaps++
	return w.Store.Swap(ctx, old, document)
}

// live runs a process that rotates keys, and kills it, or etcd, a while after
// its first one.
func (v *victim) live() {
	v.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), rotating+"="+v.config)
	out, err := cmd.StdoutPipe()
	v.check(err)
	v.check(cmd.Start())
	var killed chan struct{}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		v.said = append(v.said, lines.Text())
		if killed == nil {
			killed = make(chan struct{})
			time.AfterFunc(time.Duration(v.rand.Int64N(int64(v.length))), func() {
				v.kill(cmd)
				close(killed)
			})
		}
	}
	cmd.Wait() // it was killed
	if killed == nil {
		v.Fatal("it wrote nothing")
	}
	<-killed
}

func (v *victim) kill(cmd *exec.Cmd) {
	if v.etcd != nil {
		v.etcd.Kill()
	}
	cmd.Process.Kill()
}

// look sees that every key is there that was said to sign, and that those work
// that have to.
func (v *victim) look() {
	v.Helper()
	if v.etcd != nil {
		v.check(v.etcd.Restart(v.Context()))
	}
	if file, ok := v.store.(keyring.File); ok {
		if _, err := os.Stat(file.Path + ".new"); err == nil {
			v.halfway++
		}
	}
	k := v.keeper()
	seen := &watched{Store: v.store}
	k.Store = seen
	v.check(k.Open(v.Context()))
	if seen.swaps > 0 {
		v.Fatal("after a kill the ring lacked a key")
	}
	v.check(k.Prove(v.Context()))
	v.untold = len(k.Ring().Keys) - 2 - len(v.said) // of two keys one signed and none was retired
	for _, key := range k.Ring().Keys {
		if key.State() != keyring.Retiring {
			_, err := keyring.Local{}.Open(v.Context(), key.Algorithm, key.Private)
			v.check(err)
		}
	}
	var published struct{ Keys []struct{ Kid string } }
	v.check(json.Unmarshal(k.Published(), &published))
	for _, kid := range v.said {
		if !slices.ContainsFunc(published.Keys, func(k struct{ Kid string }) bool { return k.Kid == kid }) {
			v.Fatalf("the key %s is lost that signed before a kill", kid)
		}
	}
}
