package tailscaled

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// resolverDir holds a file for each domain that another server resolves.
const resolverDir = "/etc/resolver"

// resolverHeader begins the files of tailscaled.
// Source: tailscale.com v1.102.5, net/dns/manager_darwin.go.
const resolverHeader = "# Added by tailscaled\n"

// restoreResolver removes the files of tailscaled.
func restoreResolver(context.Context) error {
	entries, err := os.ReadDir(resolverDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, entry := range entries {
		name := filepath.Join(resolverDir, entry.Name())
		if content, err := os.ReadFile(name); err == nil && bytes.HasPrefix(content, []byte(resolverHeader)) {
			errs = append(errs, os.Remove(name))
		}
	}
	return errors.Join(errs...)
}

// removeFilter: tailscaled sets no packet filter on macOS.
func removeFilter(context.Context) error { return nil }
