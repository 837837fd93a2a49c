package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// newerModule pins a Tailscale that is newer than the one of go.mod.
const newerModule = "tools/tailscale"

var newerRequired = regexp.MustCompile(`tailscale\.com v(\S+)`)

// Newer returns the path of a small daemon of a newer Tailscale than the
// bundled one, and its version. The same file under the name tailscale, beside
// it, is the CLI.
//
// The first call takes a minute on two cores.
func Newer(ctx context.Context) (tailscaled, version string, err error) {
	root, err := moduleRoot()
	if err != nil {
		return "", "", err
	}
	module, err := os.ReadFile(filepath.Join(root, newerModule, "go.mod"))
	if err != nil {
		return "", "", err
	}
	required := newerRequired.FindSubmatch(module)
	if required == nil {
		return "", "", errors.New(newerModule + "/go.mod requires no tailscale.com")
	}
	version = string(required[1])
	list, err := os.ReadFile(filepath.Join(root, featuresFile))
	if err != nil {
		return "", "", err
	}
	dir := filepath.Join(root, kept, "others", "tailscale-"+version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", "", err
	}
	flags, err := withoutClockResolution(ctx, root, dir)
	if err != nil {
		return "", "", err
	}
	stamp := "-X tailscale.com/version."
	flags = append(flags, "-tags="+tags(features(string(list))), "-ldflags=-w "+stamp+"shortStamp="+version+" "+stamp+"longStamp="+version+"-tailjoin")
	tailscaled, err = Other(ctx, filepath.Join(filepath.Base(dir), "tailscaled"), newerModule, append(flags, "tailscale.com/cmd/tailscaled")...)
	return tailscaled, version, errors.Join(err, link("tailscaled", filepath.Join(dir, "tailscale")))
}

// clockResolution is what netstack sets on Windows alone, in a field that the
// pinned gvisor does not have yet.
const clockResolution = "opts.ClockResolution = 500 * time.Microsecond"

// withoutClockResolution returns the flags by which go build leaves
// clockResolution out. An overlay may not name a file of the module cache, but
// it may name it by a link.
func withoutClockResolution(ctx context.Context, root, dir string) (flags []string, err error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "tailscale.com")
	cmd.Dir = filepath.Join(root, newerModule)
	cached, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("looking for the sources of tailscale.com: %w", err)
	}
	sources := filepath.Join(dir, "sources")
	if err := link(string(bytes.TrimSpace(cached)), sources); err != nil {
		return nil, err
	}
	original := filepath.Join(sources, "wgengine", "netstack", "netstack.go")
	content, err := os.ReadFile(original)
	if err != nil {
		return nil, err
	}
	if strings.Count(string(content), clockResolution) != 1 {
		return nil, fmt.Errorf("%s does not say %q once", original, clockResolution)
	}
	changed, overlay, module := filepath.Join(dir, "netstack.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "newer.mod")
	replaced, err := json.Marshal(map[string]map[string]string{"Replace": {original: changed}})
	if err != nil {
		return nil, err
	}
	return []string{"-modfile=" + module, "-overlay=" + overlay}, errors.Join(
		os.WriteFile(changed, []byte(strings.Replace(string(content), clockResolution, "", 1)), 0o644),
		os.WriteFile(overlay, replaced, 0o644),
		appended(module, filepath.Join(root, newerModule, "go.mod"), "replace tailscale.com => "+sources+"\n"),
		appended(filepath.Join(dir, "newer.sum"), filepath.Join(root, newerModule, "go.sum"), ""),
	)
}

// appended writes a copy of a file with more text at its end.
func appended(copied, original, more string) error {
	content, err := os.ReadFile(original)
	return errors.Join(err, os.WriteFile(copied, append(content, more...), 0o644))
}

// link makes a symbolic link, unless it is there already.
func link(target, name string) error {
	if old, err := os.Readlink(name); err == nil && old == target {
		return nil
	}
	return errors.Join(os.RemoveAll(name), os.Symlink(target, name))
}
