//go:build !windows

package tailscaled

import (
	"errors"
	"os"
)

// Elsewhere than on Windows the code around these is only tested.

func verifyPublisher(string) error { return errors.New("only Windows can verify an MSI") }

func openHeld(name string) (*os.File, error) { return os.Open(name) }

func programDir() string { return "" }
