package tailscaled

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
	"tailscale.com/util/winutil/authenticode"
)

func verifyPublisher(msi string) error { return authenticode.Verify(msi, publisher) }

// openHeld opens a file that no process can write to, rename or delete until it
// is closed.
func openHeld(name string) (*os.File, error) {
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	handle, err := windows.CreateFile(path, windows.GENERIC_READ, windows.FILE_SHARE_READ, nil, windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(handle), name), nil
}

// programDir is where the MSI installs to.
func programDir() string {
	dir, err := windows.KnownFolderPath(windows.FOLDERID_ProgramFiles, 0)
	if err != nil {
		dir = `C:\Program Files`
	}
	return filepath.Join(dir, "Tailscale")
}
