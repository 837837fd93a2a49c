package keyring_test

import (
	"context"

	"github.com/tailjoin/tailjoin/internal/sts/keyring"
)

// A sharedStore is away at times.
type sharedStore struct {
	*schedule
	keyring.Memory
	away int
}

func (s *sharedStore) stop() {
	s.away++
	s.at(s.pauseTime(), func() { s.away-- })
}

// A wayToStore is the network between a process and the store: questions and
// answers take their time, and a write can arrive after it was given up.
type wayToStore struct{ *process }

func (w wayToStore) travel() error {
	if w.oneIn(20) && w.depth <= deepest {
		w.wait(w.pauseTime() / 4)
	}
	if w.cut || w.store.away > 0 {
		return keyring.ErrAway
	}
	return nil
}

func (w wayToStore) Load(ctx context.Context) ([]byte, string, error) {
	if err := w.travel(); err != nil {
		return nil, "", err
	}
	document, version, err := w.store.Load(ctx)
	if err := w.travel(); err != nil {
		return nil, "", err
	}
	return document, version, err
}

func (w wayToStore) Swap(ctx context.Context, old string, document []byte) (string, error) {
	if err := w.travel(); err != nil {
		return "", err
	}
	if w.oneIn(2) {
		w.at(w.pauseTime(), func() {
			if _, err := w.store.Swap(ctx, old, document); err == nil {
				w.tally.Late++
			}
		})
		return "", keyring.ErrAway
	}
	version, err := w.store.Swap(ctx, old, document)
	if err := w.travel(); err != nil {
		return "", err
	}
	return version, err
}
