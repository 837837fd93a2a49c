package tailscaled

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// resolverDir holds a file for each domain that another server resolves.
const resolverDir = "/etc/resolver"

// resolverHeader begins the files of tailscaled.
// Source: tailscale.com v1.102.5, net/dns/manager_darwin.go.
const resolverHeader = "# Added by tailscaled\n"

// resolverKey is where tailscaled keeps the servers that resolve every name, in
// the dynamic store of SystemConfiguration. The store outlives a killed daemon.
// Source: macOSGlobalDNSKey in the same file.
const resolverKey = "State:/Network/Service/FF457792-79C0-4A25-8392-D875BBEACCA6/DNS"

// restoreResolver removes what tailscaled has set.
func restoreResolver(ctx context.Context) error {
	return errors.Join(removeResolverKey(ctx), removeResolverFiles())
}

func removeResolverKey(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, hostLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/usr/sbin/scutil")
	cmd.Env = []string{}
	cmd.Stdin = strings.NewReader("remove " + resolverKey + "\nquit\n")
	words, err := cmd.CombinedOutput() // the status is 0 whatever happens
	if said := strings.TrimSpace(string(words)); err == nil && said != "" && said != "No such key" {
		err = errors.New(said)
	}
	if err != nil {
		return fmt.Errorf("removing %s: %w", resolverKey, err)
	}
	return nil
}

// removeResolverFiles removes the files that begin as tailscaled's do.
func removeResolverFiles() error {
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
