package tailscaled

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"tailscale.com/util/cmpver"
)

// A wish is a version as the user asks for it. One field is set, or none: then
// any version will do that is not older than the bundled one.
type wish struct {
	exact string // "1.102.5"
	minor string // "1.102": any patch of it that is here, or else the newest
	track string // "stable" or "unstable": the newest, which only a server knows
}

// tracks are the words for the newest version of a track.
var tracks = map[string]string{"latest": "stable", "unstable": "unstable"}

// parseWish reads the version input; a leading v is left out, as in v1.102.5.
func parseWish(s string) (wish, error) {
	if s == "" {
		return wish{}, nil
	}
	if track, ok := tracks[s]; ok {
		return wish{track: track}, nil
	}
	version := strings.TrimPrefix(s, "v")
	switch dots := strings.Count(version, "."); {
	case !isVersion(version):
	case dots == 1:
		return wish{minor: version}, nil
	case dots == 2:
		return wish{exact: version}, nil
	}
	return wish{}, diag.Input(fmt.Sprintf("version %q is not a version", s),
		"write it in full, such as "+ownVersion()+", or 1.102, latest or unstable")
}

// isVersion says whether s is numbers with dots between them. What it accepts
// goes into URLs and paths.
func isVersion(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if n, err := strconv.ParseUint(part, 10, 31); err != nil || strconv.FormatUint(n, 10) != part {
			return false
		}
	}
	return true
}

// hasMinor reports whether a version is of a minor such as 1.102. Every version
// is of the minor "".
func hasMinor(version, minor string) bool {
	return minor == "" || strings.HasPrefix(version, minor+".")
}

// track is where a version is kept: an odd minor is unstable.
func track(version string) string {
	_, minor, _ := strings.Cut(version, ".")
	minor, _, _ = strings.Cut(minor, ".")
	if n, err := strconv.Atoi(minor); err == nil && n%2 == 1 {
		return "unstable"
	}
	return "stable"
}

// fits says whether a tailscaled of this version is what in wants.
func (in Install) fits(version string) bool {
	w, err := parseWish(in.Version)
	switch {
	case err != nil || w.track != "":
		return false
	case w.exact != "":
		return version == w.exact
	case w.minor != "":
		return hasMinor(version, w.minor)
	}
	return cmpver.Compare(version, in.bundledVersion()) >= 0
}

// longestProbe is ample: tailscaled answers in 10 ms.
const longestProbe = 10 * time.Second

// askVersion runs tailscaled --version and returns the first line: "1.102.5".
// It runs the open file, if there is one, whatever has its name by now. The
// process gets nothing of our environment.
func askVersion(ctx context.Context, daemon string, file *os.File) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, longestProbe)
	defer cancel()
	cmd := exec.CommandContext(ctx, daemon, "--version")
	if file != nil {
		runOpen(cmd, file)
	}
	cmd.Env = []string{}
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("asking %s for its version: %w", daemon, err)
	}
	version, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if version == "" {
		return "", fmt.Errorf("asking %s for its version: no answer", daemon)
	}
	return strings.TrimSpace(version), nil
}
