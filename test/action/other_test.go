//go:build !linux

package action

import (
	"errors"
	"testing"
)

// What keeps the tests apart from the machine is Linux's: elsewhere they are compiled, not run.

func runIsolated(string) (int, error) { return 0, errors.New("these tests need Linux's namespaces") }

func enter() error { return nil }

func wantNoProcess(*testing.T) {}
