package keyring

import "time"

// A moment is a point in time on two clocks. The time of day is the one that
// tokens and stored keys are dated by, but it can be set back. The time since
// boot cannot, and includes the time that the machine slept. Go's own monotonic
// clock stops meanwhile, so it is not used.
type moment struct {
	day  time.Time
	boot time.Duration
}

func (k *Keeper) moment() moment { return moment{k.now(), k.boot()} }

// since is the time that has passed on the clock that says more: a process
// that was stopped, or whose machine slept, must notice it.
func (k *Keeper) since(m moment) time.Duration {
	return max(k.now().Sub(m.day), k.boot()-m.boot)
}

func (k *Keeper) now() time.Time {
	if k.Now == nil {
		return time.Now().Round(0) // without the monotonic clock
	}
	return k.Now()
}

func (k *Keeper) boot() time.Duration {
	if k.SinceBoot == nil {
		return sinceBoot()
	}
	return k.SinceBoot()
}

// stamp is a time as it is stored, in whole seconds: never too early, or keys
// would sign or vanish too soon.
func (k *Keeper) stamp() time.Time {
	return k.now().UTC().Add(time.Second - 1).Truncate(time.Second)
}
