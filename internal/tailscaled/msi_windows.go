package tailscaled

import (
	"path/filepath"

	"golang.org/x/sys/windows"
	"tailscale.com/util/winutil/authenticode"
)

func verifyPublisher(msi string) error { return authenticode.Verify(msi, publisher) }

// programDir is where the MSI installs to.
func programDir() string {
	dir, err := windows.KnownFolderPath(windows.FOLDERID_ProgramFiles, 0)
	if err != nil {
		dir = `C:\Program Files`
	}
	return filepath.Join(dir, "Tailscale")
}
