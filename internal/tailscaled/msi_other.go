//go:build !windows

package tailscaled

import "errors"

// Elsewhere than on Windows the code around these is only tested.

func verifyPublisher(string) error { return errors.New("only Windows can verify an MSI") }

func programDir() string { return "" }
