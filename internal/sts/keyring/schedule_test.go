package keyring_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/sts/keyring"
)

var (
	schedules = flag.Int("schedules", 30, "how many schedules TestSchedules tries")
	firstSeed = flag.Uint64("schedule", 1, "seed of the first one")
)

// scheduleTiming has short times. Half of the skew is spent on a replica that
// does not see the store; the rest is for clocks and answers under way.
var scheduleTiming = keyring.Timing{
	Lifetime: time.Minute, CacheFor: 20 * time.Second, Refresh: 10 * time.Second, Skew: time.Minute,
}

const (
	clockError   = 5 * time.Second  // of each clock, in either direction
	answerLimit  = 8 * time.Second  // a verifier gives up on an answer after that
	longestPause = 10 * time.Minute // of a process, the store, or a write that arrives late
	scheduleEnd  = time.Hour
	deepest      = 6 // pauses at the same time
)

// TestSchedules runs real keepers through random schedules in virtual time:
// processes are paused between any two readings of the clock, started again and
// cut off from the store, writes arrive long after they were given up, and
// people rotate keys. No verifier may refuse a good token, and no replica may
// stop to show the keys before the tokens that it signed have expired.
func TestSchedules_refuseNoGoodToken(t *testing.T) {
	t.Parallel()
	var all tally
	for seed := *firstSeed; seed < *firstSeed+uint64(*schedules); seed++ {
		s := newSchedule(seed)
		s.run(t.Context())
		if len(s.faults) > 0 {
			t.Fatalf("-schedule=%d: %d faults, the first of them: %s", seed, len(s.faults), s.faults[0])
		}
		all.add(s.tally)
	}
	t.Logf("%+v", all)
	if all.Verified < 100**schedules || all.Rotations < 5**schedules || all.Late < *schedules {
		t.Errorf("too little happened: %+v", all)
	}
}

type tally struct{ Verified, Unsigned, NoAnswer, Rotations, Late, Pauses int }

func (t *tally) add(o tally) {
	t.Verified += o.Verified
	t.Unsigned += o.Unsigned
	t.NoAnswer += o.NoAnswer
	t.Rotations += o.Rotations
	t.Late += o.Late
	t.Pauses += o.Pauses
}

// A schedule is a small world in virtual time. Everything happens in one
// goroutine: what waits lets the events of that time happen meanwhile.
type schedule struct {
	rand   *rand.Rand
	timing keyring.Timing
	now    time.Duration
	events []event // in order
	depth  int     // of what waits

	store     sharedStore
	processes []*process
	verifiers []*cachingVerifier
	kids      map[string]bool
	tally     tally
	faults    []string
}

type event struct {
	at time.Duration
	do func()
}

func newSchedule(seed uint64) *schedule {
	s := &schedule{rand: rand.New(rand.NewPCG(seed, 0)), timing: scheduleTiming, kids: map[string]bool{}}
	if s.oneIn(2) {
		s.timing.Every = 2 * time.Minute // as often as it may be
	}
	s.store.schedule = s
	for i := range 3 {
		s.processes = append(s.processes, s.newProcess(fmt.Sprintf("replica %d", i+1)))
	}
	s.verifiers = []*cachingVerifier{
		{name: "which fetches unknown keys", schedule: s, fetchesUnknown: true},
		{name: "which keeps keys for max-age", schedule: s},
		{name: "which keeps nothing", schedule: s, keepsNothing: true},
	}
	return s
}

func (s *schedule) run(ctx context.Context) {
	for _, p := range s.processes {
		s.every(scheduleTiming.Refresh, func() { p.look(ctx) })
		s.sometimes(10*time.Minute, func() { p.restart() })
		s.sometimes(10*time.Minute, func() { p.pause() })
		s.sometimes(4*time.Minute, func() { p.cutOff() })
		s.sometimes(10*time.Second, func() { s.ask(ctx, p) })
	}
	s.sometimes(20*time.Minute, func() { s.store.stop() })
	operator := s.newProcess("operator")
	s.sometimes(15*time.Second, func() { operator.rotate(ctx) })
	s.wait(scheduleEnd)
	s.tally.Rotations = len(s.kids) - 1
}

// at has something happen after a while.
func (s *schedule) at(after time.Duration, do func()) {
	e := event{s.now + after, do}
	i, _ := slices.BinarySearchFunc(s.events, e, func(a, b event) int { return cmp.Or(cmp.Compare(a.at, b.at), -1) })
	s.events = slices.Insert(s.events, i, e)
}

func (s *schedule) every(pause time.Duration, do func()) {
	s.at(s.upTo(pause), func() {
		s.every(pause, do)
		do()
	})
}

// sometimes has something happen about that often.
func (s *schedule) sometimes(mean time.Duration, do func()) { s.every(2*mean, do) }

// wait lets time pass.
func (s *schedule) wait(d time.Duration) {
	s.depth++
	defer func() { s.depth-- }()
	until := s.now + d
	for len(s.events) > 0 && s.events[0].at <= until {
		next := s.events[0]
		s.events = s.events[1:]
		s.now = max(s.now, next.at)
		next.do()
	}
	s.now = max(s.now, until)
}

// pauseTime is short more often than long.
func (s *schedule) pauseTime() time.Duration { return s.upTo(1 + s.upTo(longestPause)) }

func (s *schedule) upTo(d time.Duration) time.Duration { return time.Duration(s.rand.Int64N(int64(d))) }
func (s *schedule) oneIn(n int) bool                   { return s.rand.IntN(n) == 0 }

func (s *schedule) clock(wrong time.Duration) time.Time {
	return time.Date(2026, 8, 20, 2, 0, 0, 0, time.UTC).Add(s.now + wrong)
}

// A process has a keeper, a clock of its own, and a way to the store.
type process struct {
	*schedule
	name   string
	wrong  time.Duration // of its clock
	keeper *keyring.Keeper
	paused int  // how many things pause it
	busy   bool // looks at the store
	cut    bool // from the store
}

func (s *schedule) newProcess(name string) *process {
	p := &process{schedule: s, name: name, wrong: s.upTo(2*clockError) - clockError}
	p.start()
	return p
}

func (p *process) start() {
	p.keeper = &keyring.Keeper{
		Store: wayToStore{p}, Algorithms: []string{"ES256"}, Timing: p.timing,
		Now: p.readClock, SinceBoot: func() time.Duration { return p.now },
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// readClock is where a process is paused, before or after it has read the time.
func (p *process) readClock() time.Time {
	if p.oneIn(1000) {
		p.pause()
	}
	now := p.clock(p.wrong)
	if p.oneIn(1000) {
		p.pause()
	}
	return now
}

func (p *process) pause() {
	if p.depth > deepest {
		return
	}
	p.tally.Pauses++
	p.paused++
	p.wait(p.pauseTime())
	p.paused--
}

func (p *process) cutOff() {
	p.cut = true
	p.at(p.pauseTime(), func() { p.cut = false })
}

// restart drops what the process knew, unless it is in the middle of something:
// then the call returns to the new process, which is no other than to the old.
func (p *process) restart() {
	if p.paused == 0 && !p.busy {
		p.start()
	}
}

func (p *process) look(ctx context.Context) {
	if p.paused > 0 || p.busy {
		return
	}
	p.busy = true
	defer func() { p.busy = false }()
	if len(p.keeper.Ring().Keys) == 0 {
		p.keeper.Open(ctx)
		return
	}
	p.keeper.Refresh(ctx)
}

// rotate is what a person does who does not wait.
func (p *process) rotate(ctx context.Context) {
	if p.paused == 0 && !p.busy {
		p.busy = true
		p.keeper.Rotate(ctx, keyring.Rotation{})
		p.busy = false
	}
}
