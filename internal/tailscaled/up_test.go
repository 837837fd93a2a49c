package tailscaled

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseUp_routesAndWhatTheSmallBuildLacks(t *testing.T) {
	for line, want := range map[string]string{
		"--advertise-routes=192.168.0.0/16,10.0.0.0/8":        "[10.0.0.0/8 192.168.0.0/16] needs advertise-routes",
		"--advertise-routes=":                                 "[] needs ",
		"--advertise-exit-node --advertise-routes=10.0.0.0/8": "[0.0.0.0/0 ::/0 10.0.0.0/8] needs advertise-routes",
		"--advertise-exit-node=false":                         "[] needs ",
		"--ssh=0":                                             "[] needs ",
		"--ssh":                                               "[] needs ssh",
		"--advertise-connector=f --ssh=true":                  "[] needs ssh",
	} {
		up, err := ParseUp([]string{"--hostname=default"}, strings.Fields(line))
		if got := fmt.Sprintf("%v needs %s", up.Prefs.AdvertiseRoutes, up.Needs); err != nil || got != want {
			t.Errorf("%s: %s, error %v, want %s", line, got, err, want)
		}
	}
}

// As tailscale does. What a flag has by default may be replaced.
func TestParseUp_refusesAFlagThatStandsThereTwice(t *testing.T) {
	for line, wantErr := range map[string]bool{"--hostname=a": false, "--hostname=a --hostname=a": true, "--ssh --ssh=false": true} {
		up, err := ParseUp([]string{"--hostname=default"}, strings.Fields(line))
		if (err != nil) != wantErr || !wantErr && up.Prefs.Hostname != "a" {
			t.Errorf("%s: hostname %q, error %v", line, up.Prefs.Hostname, err)
		}
	}
}

func TestParseUp_waysToLogIn(t *testing.T) {
	up, err := ParseUp(nil, strings.Fields("--client-id=T1-CNTRL?ephemeral=false --id-token file:/run/token --audience=x --client-secret=file:b --authkey=d"))
	got := []string{up.ClientID, up.IDToken.Reveal(), up.Audience, up.ClientSecret.Reveal(), up.AuthKey.Reveal()}
	if d := cmp.Diff([]string{"T1-CNTRL?ephemeral=false", "file:/run/token", "x", "file:b", "d"}, got); d != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, d)
	}
}

func TestParseFlags(t *testing.T) {
	for line, want := range map[string]Flags{
		"--verbose=1 --statedir=/var/lib/a --tun userspace-networking": {Words: []string{"--verbose=1", "--tun", "userspace-networking"}, Userspace: true, StateDir: "/var/lib/a"},
		"--statedir /a --statedir /b --verbose 1":                      {Words: []string{"--verbose", "1"}, StateDir: "/b"},
		"--state=mem: -socks5-server=:1055":                            {Words: []string{"-socks5-server=:1055"}, Proxy: ":1055"},
		"--state /a/tailscaled.state":                                  {KeyDir: filepath.FromSlash("/a")},
		"--state=/a/tailscaled.state --state=mem:":                     {},
	} {
		got, err := ParseFlags(strings.Fields(line))
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%s: error %v (-want +got):\n%s", line, err, d)
		}
	}
	for _, line := range []string{"--socket=/run/x", "--cleanup", "--state=/a/other", "--state=kube:name", "--state"} {
		if _, err := ParseFlags(strings.Fields(line)); err == nil {
			t.Errorf("%s is taken", line)
		}
	}
}
