//go:build !windows

package tailscaled

import (
	"context"
	"errors"
	"os"
)

// Elsewhere than on Windows the code around these is only tested.

func verifyPublisher(string) error { return errors.New("only Windows can verify an MSI") }

func openHeld(name string) (*os.File, error) { return os.Open(name) }

func programDir() string { return "" }

func dataDir() string { return "" }

func notesDir() string { return "" }

func installersOf(int) []int { return nil }

func realPath(path string) string { return path }

func msiexecPath() string { return "msiexec.exe" }

func findTailscale(context.Context) string { return "" }

func isAdministrator() bool { return os.Geteuid() == 0 }

func serviceState() string { return noService }

func productOf(string) (string, error) { return "", errors.ErrUnsupported }

func publisherOf(string) string { return "" }
