//go:build !linux

package tailscaled

import (
	"context"
	"os"
)

// closeProgram closes a file that was written and is to be run, and returns it
// open for reading.
func closeProgram(_ context.Context, f *os.File) (*os.File, error) {
	if err := f.Close(); err != nil {
		return nil, err
	}
	return openRegular(f.Name())
}
