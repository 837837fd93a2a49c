package tailscaled

import (
	"slices"
	"testing"
)

func TestFormat_windowsIsAnMSI(t *testing.T) {
	in := Install{goos: "windows", goarch: "amd64"}
	f, err := in.format()
	if err != nil {
		t.Fatal(err)
	}
	for arch, want := range map[string]string{
		"amd64": "/stable/tailscale-setup-1.102.5-amd64.msi",
		"arm64": "/stable/tailscale-setup-1.102.5-arm64.msi",
		"386":   "/stable/tailscale-setup-1.102.5-x86.msi",
	} {
		if got := f.path("1.102.5", arch); got != want {
			t.Errorf("%s: got %s, want %s", arch, got, want)
		}
	}
	if got, want := f.path("1.103.2", "amd64"), "/unstable/tailscale-setup-1.103.2-amd64.msi"; got != want {
		t.Errorf("unstable: got %s, want %s", got, want)
	}
}

// Nothing is bundled for Windows, so that even the default has to download.
func TestMayDownload_onWindows(t *testing.T) {
	for goos, want := range map[string]bool{"windows": true, "linux": false, "darwin": false} {
		if got := (Install{goos: goos}).mayDownload(); got != want {
			t.Errorf("%s: got %v, want %v", goos, got, want)
		}
		if (Install{goos: goos, Mode: Never}).mayDownload() {
			t.Errorf("%s: install: never may download", goos)
		}
	}
}

func TestMSIExec_asksNobody(t *testing.T) {
	got := msiexec(`C:\t\received.msi`)
	want := []string{"/i", `C:\t\received.msi`, "/quiet", "/norestart", "/L*v", `C:\t\received.msi.log`, "TS_NOLAUNCH=1"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
