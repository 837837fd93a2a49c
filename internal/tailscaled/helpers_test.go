//go:build unix

package tailscaled

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// byName finds programs that a source file of tailscaled runs by their name.
var byName = regexp.MustCompile(`(?:exec\.Command(?:Context)?\((?:ctx, )?|exec\.LookPath\(|:?= \[\]string\{)"([a-z]+)"`)

// The router and the resolver of tailscaled run these programs on macOS, and
// without them no interface comes up.
func TestHelpers_ofMacOSAreWhatTailscaledRunsByName(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "tailscale.com").Output()
	must(t, err)
	module := strings.TrimSpace(string(out))
	var want []string
	for _, name := range []string{"wgengine/router/osrouter/router_userspace_bsd.go", "net/dns/manager_darwin.go"} {
		source, err := os.ReadFile(filepath.Join(module, name))
		must(t, err)
		for _, found := range byName.FindAllStringSubmatch(string(source), -1) {
			want = append(want, found[1])
		}
	}
	slices.Sort(want)
	want = slices.Compact(want)
	var got []string
	for _, h := range helpers["darwin"] {
		got = append(got, h.program)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
