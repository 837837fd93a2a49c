//go:build !linux

package tailscaled

import (
	"context"
	"os"
)

// closeProgram closes a file that was written and is to be run.
func closeProgram(_ context.Context, f *os.File) error { return f.Close() }
