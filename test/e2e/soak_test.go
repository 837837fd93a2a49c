//go:build linux

package e2e

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/localtailnet/build"
)

var (
	kills      = flag.Int("kills", 20, "how many processes TestSoak kills")
	everywhere = flag.Bool("machines", false, "TestSoak kills on the machines of TestMachine too")
	seed       = flag.Uint64("seed", 0, "of the moments at which TestSoak kills; 0 draws one")
)

// TestSoak kills joins and leaves at random moments. After another leave
// nothing of them may be left, on this machine or on the tailnet.
func TestSoak(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("-seed=%d draws the same moments again", *seed)
	s := &soak{T: t, rand: rand.New(rand.NewPCG(*seed, 0)), signals: counts{}, phases: counts{}}
	courses := s.courses()
	for s.killed < *kills && !t.Failed() {
		s.round(courses[s.rounds%len(courses)])
	}
	t.Logf("%d processes killed in %d rounds; the longest leave that had to succeed took %v", s.killed, s.rounds, s.longest.Round(time.Millisecond))
	t.Logf("by signals:\n%s", s.signals)
	t.Logf("by what was reached:\n%s", s.phases)
}

// A soak is many rounds and what they hit.
type soak struct {
	*testing.T
	rand            *rand.Rand
	rounds, killed  int
	longest         time.Duration
	signals, phases counts
}

// counts say how often something happened.
type counts map[string]int

func (c counts) String() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(c)) {
		fmt.Fprintf(&b, "%5d  %s\n", c[name], name)
	}
	return b.String()
}

// A course is one way to join, and how long its join and leave are.
type course struct {
	*world
	name        string
	args        []string // of join
	unpacks     bool     // each join finds an empty cache
	downloads   bool     // each join finds a package server
	sudo        bool     // the job's user is not root
	profile     *profile // of the job's machine; mostly the test's own
	beside      *world   // of another join, which has the network interface; mostly none
	join, leave length
}

// courses measures each way to join, once.
func (s *soak) courses() []*course {
	bundled := []string{"--tailscale-path=", "--bundle=" + bundle(s.T)}
	courses := []*course{
		{name: "userspace", args: []string{"--network=userspace"}},
		{name: "tun", args: []string{"--network=tun"}},
		{name: "bundled, userspace", args: append(bundled, "--network=userspace"), unpacks: true},
		{name: "bundled, tun", args: append(bundled, "--network=tun"), unpacks: true},
		{name: "downloaded", args: []string{"--network=userspace", "--install=download"}, unpacks: true, downloads: true},
		{name: "beside another", args: []string{"--network=auto"}, beside: newWorld(s.T, localtailnet.Options{})},
	}
	if _, err := exec.LookPath("sudo"); err != nil {
		s.Log("no joins by sudo, since it is not installed (apt-get install sudo)")
	} else {
		courses = append(courses, &course{name: "sudo, tun", args: []string{"--network=tun"}, sudo: true})
	}
	if *everywhere {
		courses = append(courses, s.machines()...)
	}
	for i, c := range courses {
		// Every other one is far from its tailnet, so that more kills hit a wait for an answer.
		c.begin(s.T, time.Duration(i%2)*10*time.Millisecond)
		s.measure(c)
		s.Logf("%-60s join takes %v, leave %v", c.name, c.join, c.leave)
	}
	return courses
}

// machines are the profiles on which a join is to work.
func (s *soak) machines() (courses []*course) {
	for _, p := range slices.Concat(profiles, disks) {
		if p.network != "" && !p.beside {
			courses = append(courses, &course{name: p.name, profile: &p})
		}
	}
	return courses
}

func (c *course) begin(t *testing.T, latency time.Duration) {
	if c.profile != nil {
		m := newMachine(t, *c.profile, localtailnet.Options{Latency: latency})
		c.world = m.world
		return
	}
	if c.downloads {
		c.world = newShop(t)
		c.mustSell(build.Version(), os.Getenv(daemon))
		return
	}
	c.world = newWorld(t, localtailnet.Options{Latency: latency})
	if c.sudo {
		c.giveToRunner()
		c.under = asRunner
	}
}

func (s *soak) measure(c *course) {
	defer c.prepare()()
	joined := c.killAt(never, append([]string{"join"}, c.args...)...)
	left := c.killAt(never, "leave")
	if joined.status != 0 || left.status != 0 {
		s.Fatalf("%s: join ended with %d, leave with %d:\n%s%s", c.name, joined.status, left.status, joined.text(), left.text())
	}
	c.join, c.leave = joined.length, left.length
}

// prepare makes what the course wants to find: a daemon to unpack, or another
// join. The returned function leaves that again.
func (c *course) prepare() (end func()) {
	if c.unpacks {
		c.emptyCache()
	}
	if c.beside == nil {
		return func() {}
	}
	c.beside.mustJoin("--network=tun")
	return c.beside.mustLeave
}

// mustMake makes a directory that belongs to the job's user.
func (w *world) mustMake(dir string, mode os.FileMode) {
	w.t.Helper()
	parent, err := os.Stat(filepath.Dir(dir))
	if err == nil {
		err = os.Mkdir(dir, mode)
	}
	if err == nil {
		owner := int(parent.Sys().(*syscall.Stat_t).Uid)
		if w.user >= 0 {
			owner = w.user
		}
		err = os.Chown(dir, owner, owner)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// round joins and leaves, kills some of that, and wants nothing left.
func (s *soak) round(c *course) {
	s.rounds++
	defer c.prepare()()
	before := c.traces()
	did := []string{c.name, s.join(c, before)}
	for s.rand.IntN(2) == 0 {
		did = append(did, s.kill(c, c.leave, "leave").String())
	}
	last := s.leave(c)
	if d := cmp.Diff(before, c.traces()); d != "" {
		s.Errorf("something is left (-before +after):\n%s", d)
	}
	if last.took > 2*time.Second {
		s.Logf("round %d: %v for the leave after this:\n%s\n%s", s.rounds, last.took, strings.Join(did, "\n"), last.text())
	}
	if s.Failed() {
		s.Errorf("round %d of seed %d:\n%s\nlast leave\n%s", s.rounds, *seed, strings.Join(did, "\n"), last.text())
	}
}

// join joins, and mostly kills that.
func (s *soak) join(c *course, before map[string]string) string {
	args := append([]string{"join"}, c.args...)
	switch s.rand.IntN(10) {
	case 0:
		c.mustJoin(c.args...)
		return "joined"
	case 1:
		c.mustJoin(c.args...)
		c.killDaemon()
		s.killed++
		s.signals["daemon by SIGKILL"]++
		return "joined, and its daemon killed"
	}
	got := s.kill(c, c.join, args...)
	if got.hit && !got.killed && got.status == 1 {
		// It was asked to end, and had time to undo what it had done.
		if d := cmp.Diff(before, c.traces()); d != "" {
			s.Errorf("something is left without any leave (-before +after):\n%s\n%s", d, got.text())
		}
	}
	return got.String()
}

func (s *soak) kill(c *course, l length, args ...string) death {
	got := c.killAt(s.moment(l), args...)
	if got.hit {
		s.killed++
		s.signals[args[0]+" by "+got.signals()]++
		s.phases[args[0]+": "+c.reached(got)]++
	}
	return got
}

// leave leaves, and that must succeed.
func (s *soak) leave(c *course) death {
	got := c.killAt(never, "leave")
	s.longest = max(s.longest, got.took)
	if got.status != 0 || strings.Contains(got.words, "::warning") {
		s.Errorf("leave ended with %d:\n%s", got.status, got.text())
	}
	return got
}

// cache is where the job unpacks a bundled daemon.
func (w *world) cache() string { return filepath.Join(w.cached, "tailjoin", "tailscaled") }

// emptyCache leaves the directory, which can be watched.
func (w *world) emptyCache() {
	w.t.Helper()
	os.RemoveAll(filepath.Join(w.dir, "cache"))
	for _, dir := range []string{"cache", "cache/tailjoin", "cache/tailjoin/tailscaled"} {
		w.mustMake(filepath.Join(w.dir, dir), 0o755)
	}
}
