//go:build !linux

package tailscaled

func checkNoexec(string) error { return nil }
