package keyring_test

import (
	"errors"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/keyring/keyringtest"
)

func TestPublish_endsBeforeAKeyMaySignThatItLacks(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		after    time.Duration
		lifetime time.Duration
		keep     time.Duration
		want     error
	}{
		"fresh":                            {30 * time.Second, 5 * time.Minute, 5 * time.Minute, nil},
		"not fresh":                        {30*time.Second + 1, 5 * time.Minute, 0, nil},
		"while a copy may be kept":         {5*time.Minute + 30*time.Second, time.Minute, 0, nil},
		"while a token lives":              {time.Hour + 30*time.Second, time.Hour, 0, nil},
		"when no copy may be kept":         {5*time.Minute + 30*time.Second + 1, time.Minute, 0, keyring.ErrAway},
		"when the last token has expired":  {time.Hour + 30*time.Second + 1, time.Hour, 0, keyring.ErrAway},
		"when both are long over, too":     {24 * time.Hour, time.Hour, 0, keyring.ErrAway},
		"when the clock of days goes back": {-time.Hour, time.Hour, 5 * time.Minute, nil},
	} {
		clock := newClock()
		k := keeper(&keyring.Memory{}, clock, "ES256")
		k.Timing.Lifetime = c.lifetime
		if err := k.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		clock.Pass(c.after)
		p, err := k.Publish()
		if !errors.Is(err, c.want) || p.Keep != c.keep || (k.Published() != nil) != (c.want == nil) {
			t.Errorf("%s: it is to be kept for %v, %v; want %v, %v", name, p.Keep, err, c.keep, c.want)
		}
	}
}

func TestPublish_hasNothingBeforeOpen(t *testing.T) {
	if p, err := keeper(&keyring.Memory{}, newClock(), "ES256").Publish(); !errors.Is(err, keyring.ErrAway) {
		t.Errorf("%+v, %v", p, err)
	}
}

// A process that was stopped does not know it. Either clock tells.
func TestFresh_noticesAPause(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		day, boot time.Duration
		want      error
	}{
		"no pause":                              {30 * time.Second, 30 * time.Second, nil},
		"a pause":                               {31 * time.Second, 31 * time.Second, keyring.ErrAway},
		"a machine that slept":                  {31 * time.Second, 0, keyring.ErrAway},
		"a clock that was set back":             {-time.Hour, 0, nil},
		"a clock that was set back, and a wait": {-time.Hour, 31 * time.Second, keyring.ErrAway},
	} {
		clock, boot := newClock(), time.Hour
		k := keeper(&keyring.Memory{}, clock, "ES256")
		k.SinceBoot = func() time.Duration { return boot }
		if err := k.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		clock.Pass(c.day)
		boot += c.boot
		if err := k.Fresh(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if _, err := k.Sign(t.Context(), "ES256", nil); !errors.Is(err, c.want) {
			t.Errorf("%s: signing: %v, want %v", name, err, c.want)
		}
		if err := k.Prove(t.Context()); !errors.Is(err, c.want) {
			t.Errorf("%s: proving: %v, want %v", name, err, c.want)
		}
	}
}

// The machine's own clocks are used unless a test has others.
func TestFresh_holdsByTheMachinesClocks(t *testing.T) {
	t.Parallel()
	k := keeper(&keyring.Memory{}, newClock(), "ES256")
	k.Now = nil
	if err := k.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := k.Fresh(); err != nil {
		t.Error(err)
	}
	keyringtest.Sign(t, k, "ES256")
}
