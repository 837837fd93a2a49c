package keyring

import (
	"context"
	"errors"
	"strconv"
	"sync"
)

// A Store keeps a ring's document, for one process or for several that share
// it. An error of either method that wraps ErrAway may pass by itself.
type Store interface {
	// Load returns the document and which version of it this is. It fails with
	// ErrNone if there is none.
	Load(ctx context.Context) (document []byte, version string, err error)
	// Swap replaces the document if its version is still old, "" if there is to
	// be none, and fails with ErrChanged if not. All or nothing of it happens.
	Swap(ctx context.Context, old string, document []byte) (version string, err error)
}

var (
	ErrNone    = errors.New("there are no keys yet")
	ErrChanged = errors.New("somebody else changed the keys at the same time")
)

// Memory keeps a ring for as long as the process lives.
type Memory struct {
	mu       sync.Mutex
	document []byte
	version  int
}

func (m *Memory) Load(context.Context) ([]byte, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.version == 0 {
		return nil, "", ErrNone
	}
	return m.document, strconv.Itoa(m.version), nil
}

func (m *Memory) Swap(_ context.Context, old string, document []byte) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := strconv.Itoa(m.version); old != now && (old != "" || m.version != 0) {
		return "", ErrChanged
	}
	m.version++
	m.document = document
	return strconv.Itoa(m.version), nil
}
