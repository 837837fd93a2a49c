//go:build !linux

package tailscaled

func CheckNoexec(string) error { return nil }
