package etcd_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
	"github.com/tailjoin/tailjoin/internal/localetcd"
	"github.com/tailjoin/tailjoin/internal/localtailnet/build"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/sts/etcd"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/keyring/keyringtest"
)

const key = "tailjoin-sts/keys"

// start runs a real etcd.
func start(t *testing.T, o localetcd.Options) *localetcd.Server {
	t.Helper()
	if _, err := build.Etcd(t.Context()); err != nil {
		t.Skipf("there is no etcd: %v", err)
	}
	o.Dir = t.TempDir()
	s, err := localetcd.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func mustStore(t *testing.T, o etcd.Options) *etcd.Store {
	t.Helper()
	if o.Key == "" {
		o.Key = key
	}
	store, err := etcd.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func at(endpoints ...string) etcd.Options { return etcd.Options{Endpoints: endpoints} }

func keeper(store keyring.Store) *keyring.Keeper {
	return &keyring.Keeper{
		Store: store, Algorithms: []string{"ES256"},
		Timing: keyring.Timing{Lifetime: 5 * time.Minute, Skew: time.Minute, CacheFor: 5 * time.Minute, Refresh: 10 * time.Second},
		Log:    slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// codeOf is the code of a Problem, "" if it is none.
func codeOf(err error) string {
	if p, ok := errors.AsType[*diag.Problem](err); ok {
		return p.Code
	}
	return ""
}

func TestStore_swapsOnlyWhatTheCallerSaw(t *testing.T) {
	t.Parallel()
	keyringtest.Store(t, mustStore(t, at(start(t, localetcd.Options{}).URL)))
}

func TestOpen_fiveAtOnceAgree(t *testing.T) {
	t.Parallel()
	server := start(t, localetcd.Options{})
	for range 20 {
		keys := "keys-" + time.Now().String()
		rings := make([]keyring.Ring, 5)
		var all sync.WaitGroup
		for i := range rings {
			all.Go(func() {
				k := keeper(mustStore(t, etcd.Options{Endpoints: []string{server.URL}, Key: keys}))
				if err := k.Open(t.Context()); err != nil {
					t.Error(err)
				}
				rings[i] = k.Ring()
			})
		}
		all.Wait()
		for _, ring := range rings[1:] {
			if d := cmp.Diff(rings[0], ring); d != "" {
				t.Fatalf("two have different rings:\n%s", d)
			}
		}
	}
}

// Two that rotate a key at once, since it is due, rotate it once.
func TestRefresh_rotatesOnceWhateverReplicasThereAre(t *testing.T) {
	t.Parallel()
	server := start(t, localetcd.Options{})
	var ahead atomic.Int64 // of the clock
	var keepers []*keyring.Keeper
	for range 5 {
		k := keeper(mustStore(t, at(server.URL)))
		k.Timing.Every = time.Hour
		k.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		if err := k.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		keepers = append(keepers, k)
	}
	if err := keepers[0].Refresh(t.Context()); err != nil { // finds the keys in the store
		t.Fatal(err)
	}
	before := keepers[0].Ring()
	ahead.Store(int64(time.Hour + time.Second))
	var all sync.WaitGroup
	for _, k := range keepers {
		all.Go(func() {
			if err := k.Refresh(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, k := range keepers {
		for range 2 { // the first one that looks notes what it finds
			if err := k.Refresh(t.Context()); err != nil {
				t.Error(err)
			}
		}
		ring := k.Ring()
		if len(ring.Keys) != 3 || ring.Keys[1].ID != before.Keys[1].ID || ring.Keys[1].State() != keyring.Active {
			t.Fatalf("%+v is not %+v, rotated once", ring, before)
		}
		if d := cmp.Diff(keepers[0].Ring(), ring); d != "" {
			t.Errorf("two have different rings:\n%s", d)
		}
	}
}

func TestStore_saysThatItIsAwayUntilItIsBack(t *testing.T) {
	t.Parallel()
	server := start(t, localetcd.Options{})
	store := mustStore(t, at(server.URL))
	version, err := store.Swap(t.Context(), "", []byte("a"))
	if err != nil {
		t.Fatal(err)
	}
	server.Kill()
	if _, _, err := store.Load(t.Context()); !errors.Is(err, keyring.ErrAway) {
		t.Errorf("loading: %v", err)
	}
	if _, err := store.Swap(t.Context(), version, []byte("b")); !errors.Is(err, keyring.ErrAway) {
		t.Errorf("swapping: %v", err)
	}
	if err := keeper(store).Open(t.Context()); !errors.Is(err, keyring.ErrAway) || codeOf(err) != "keys-away" {
		t.Errorf("opening: %v", err)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, now, err := store.Load(t.Context()); string(got) != "a" || now != version || err != nil {
		t.Errorf("it has %q, version %q, %v; want a, %q", got, now, err, version)
	}
}

// deaf is an address where connections are made, and nothing is ever said.
func deaf(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return "http://" + l.Addr().String()
}

// closed is an address where nobody listens.
func closed(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

func TestStore_asksAnotherMemberIfOneIsAway(t *testing.T) {
	t.Parallel()
	server := start(t, localetcd.Options{})
	store := mustStore(t, at(closed(t), closed(t), server.URL))
	if _, err := store.Swap(t.Context(), "", []byte("a")); err != nil {
		t.Errorf("members that are down: %v", err)
	}
	store = mustStore(t, at(deaf(t), server.URL))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, _, err := store.Load(ctx); !errors.Is(err, keyring.ErrAway) {
		t.Errorf("a member that does not answer: %v", err)
	}
	if got, _, err := store.Load(t.Context()); string(got) != "a" {
		t.Errorf("the next one: %q, %v", got, err)
	}
}

// An etcd whose disk is full can be read. A key that should be rotated goes on
// to sign then.
func TestRefresh_goesOnIfEtcdTakesNoChanges(t *testing.T) {
	t.Parallel()
	server := start(t, localetcd.Options{Args: []string{"--quota-backend-bytes=1000000"}})
	var ahead atomic.Int64 // of the clock
	k := keeper(mustStore(t, at(server.URL)))
	k.Timing.Every = time.Hour
	k.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	if err := k.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := k.Refresh(t.Context()); err != nil { // finds the keys in the store
		t.Fatal(err)
	}
	before := k.Ring()
	full := mustStore(t, etcd.Options{Endpoints: []string{server.URL}, Key: "of others"})
	for version, err := "", error(nil); ; {
		if version, err = full.Swap(t.Context(), version, make([]byte, 200_000)); errors.Is(err, keyring.ErrAway) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		ahead.Add(int64(2 * time.Hour))
		if err := k.Refresh(t.Context()); !errors.Is(err, keyring.ErrAway) {
			t.Errorf("a key that cannot be rotated: %v", err)
		}
		if _, err := k.Sign(t.Context(), "ES256", map[string]any{}); err != nil {
			t.Errorf("it does not sign: %v", err)
		}
		if d := cmp.Diff(before, k.Ring()); d != "" {
			t.Errorf("the ring is another:\n%s", d)
		}
	}
}

// A member that lost most of the others knows only what was: it says nothing.
func TestStore_isWhatMostOfTheClusterSays(t *testing.T) {
	t.Parallel()
	if _, err := build.Etcd(t.Context()); err != nil {
		t.Skipf("there is no etcd: %v", err)
	}
	members, err := localetcd.StartCluster(t.Context(), 3, localetcd.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	var endpoints []string
	for _, m := range members {
		t.Cleanup(m.Close)
		endpoints = append(endpoints, m.URL)
	}
	store := mustStore(t, at(endpoints...))
	version, err := store.Swap(t.Context(), "", []byte("a"))
	if err != nil {
		t.Fatal(err)
	}
	members[0].Kill()
	wantLoaded(t, store, version)
	members[1].Kill()
	for range 3 { // one after the other is asked
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		if got, _, err := store.Load(ctx); !errors.Is(err, keyring.ErrAway) {
			t.Errorf("of one member alone: %q, %v", got, err)
		}
		cancel()
	}
	if err := members[0].Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantLoaded(t, store, version)
}

// wantLoaded waits until a store answers: an election takes its time.
func wantLoaded(t *testing.T, store *etcd.Store, version string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		got, now, err := store.Load(t.Context())
		if err == nil && string(got) == "a" && now == version {
			return
		}
		if !errors.Is(err, keyring.ErrAway) || time.Now().After(end) {
			t.Fatalf("it has %q, version %q, %v; want a, %q", got, now, err, version)
		}
	}
}

// withUser has etcd want a user, and know sts, who may use the key alone.
func withUser(t *testing.T, server *localetcd.Server) {
	t.Helper()
	if err := server.WantUser(t.Context(), "sts", "hunter2", key); err != nil {
		t.Fatal(err)
	}
}

func TestStore_isAUser(t *testing.T) {
	t.Parallel()
	server := start(t, localetcd.Options{Args: []string{"--auth-token-ttl=1", "--bcrypt-cost=4"}})
	withUser(t, server)
	sts := etcd.Options{Endpoints: []string{server.URL}, User: "sts", Password: secret.New("hunter2")}
	for name, spoil := range map[string]func(*etcd.Options){
		"no user":          func(o *etcd.Options) { o.User = "" },
		"another password": func(o *etcd.Options) { o.Password = secret.New("hunter3") },
		"another user":     func(o *etcd.Options) { o.User = "nobody" },
		"another key":      func(o *etcd.Options) { o.Key = "secrets/of/others" },
	} {
		o := sts
		spoil(&o)
		_, _, err := mustStore(t, o).Load(t.Context())
		if codeOf(err) != "etcd-refused" || strings.Contains(diag.As(err).Text(), "hunter") {
			t.Errorf("%s: %v", name, err)
		}
	}
	store := mustStore(t, sts)
	version, err := store.Swap(t.Context(), "", []byte("a"))
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(2500 * time.Millisecond) // etcd forgets the user's token, and tells nobody
	if _, err := store.Swap(t.Context(), version, []byte("b")); err != nil {
		t.Errorf("after its token expired: %v", err)
	}
}

func TestNew_refusesWhatCannotBeMeant(t *testing.T) {
	for name, o := range map[string]etcd.Options{
		"keys over the network in plain text": at("http://etcd.example.com:2379"),
		"no URL":                              at("etcd.example.com:2379"),
		"a path":                              at("https://etcd.example.com/v3"),
		"a password in the URL":               at("https://root:hunter2@etcd.example.com"),
		"authorities that are no file":        {CAFile: "/nowhere"},
		"a certificate without its key":       {CertFile: "etcd_test.go"},
		"authorities that are none":           {CAFile: "etcd_test.go"},
	} {
		if _, err := etcd.New(o); codeOf(err) != "input-invalid" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, endpoint := range []string{"https://etcd.example.com:2379/", "http://127.0.0.1:2379", "http://localhost:2379", "http://[::1]:2379"} {
		if _, err := etcd.New(at(endpoint)); err != nil {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}

// docs/errors.md shows the problems of this package as they are rendered here.
func TestErrorsPage_showsWhatIsRendered(t *testing.T) {
	server := start(t, localetcd.Options{Args: []string{"--bcrypt-cost=4"}})
	withUser(t, server)
	_, _, err := mustStore(t, etcd.Options{Endpoints: []string{server.URL}, User: "sts", Password: secret.New("hunter3")}).Load(t.Context())
	p := diag.As(err)
	p.Facts[0].Value = "https://etcd-1.example.com:2379" // its own port is another each time
	diagtest.Samples(t, "sts/etcd", p)
}
