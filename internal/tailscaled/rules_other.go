//go:build !linux

package tailscaled

// removeRules: routes go with the interface.
func removeRules() (found bool, err error) { return false, nil }
