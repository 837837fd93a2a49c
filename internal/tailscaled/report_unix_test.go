//go:build unix

package tailscaled

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A step of the job may put anything where the log was.
func TestLogLines_doNotWaitForAPipeAndStayInTheSession(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other")
	write(t, other, "secret\n")
	for name, put := range map[string]func(log string) error{
		"a pipe":                func(log string) error { return syscall.Mkfifo(log, 0o600) },
		"a link that leads out": func(log string) error { return os.Symlink(other, log) },
		"nothing":               func(string) error { return nil },
	} {
		session := mustSession(t)
		must(t, put(filepath.Join(session.Path, logName)))
		if lines := (&Daemon{Session: session}).logLines(); len(lines) > 0 {
			t.Errorf("%s: got %q", name, lines)
		}
	}
}

func TestStart_writesTheLogToNoPipeAndNotOutOfTheSession(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other")
	write(t, other, "")
	for name, put := range map[string]func(log string) error{
		"a pipe":                func(log string) error { return syscall.Mkfifo(log, 0o600) },
		"a link that leads out": func(log string) error { return os.Symlink(other, log) },
	} {
		session := mustSession(t)
		must(t, put(filepath.Join(session.Path, logName)))
		c := Config{Dir: session.Path, Session: session, Binary: Binary{Daemon: "/bin/sh"}}
		if err := c.prepare(); err == nil {
			t.Errorf("%s: the log was opened", name)
		}
	}
}
