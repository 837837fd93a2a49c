package tailscaled

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
	"tailscale.com/util/winutil/authenticode"
)

func verifyPublisher(msi string) error { return authenticode.Verify(msi, publisher) }

// openHeld opens a file that no process can write to, rename or delete until it
// is closed.
func openHeld(name string) (*os.File, error) { return openShared(name, windows.FILE_SHARE_READ) }

// programDir is where the MSI installs to.
func programDir() string {
	return filepath.Join(knownFolder(windows.FOLDERID_ProgramFiles, `C:\Program Files`), "Tailscale")
}

// dataDir is where the service keeps its state and its logs.
func dataDir() string {
	return filepath.Join(knownFolder(windows.FOLDERID_ProgramData, `C:\ProgramData`), "Tailscale")
}

// notesDir is where only administrators write, as in all of Program Files.
func notesDir() string {
	return filepath.Join(filepath.Dir(programDir()), "tailjoin")
}

func knownFolder(id *windows.KNOWNFOLDERID, usual string) string {
	dir, err := windows.KnownFolderPath(id, 0)
	if err != nil {
		return usual
	}
	return dir
}

// msiexecPath is Windows' own: the PATH of a job is not trusted with it.
func msiexecPath() string {
	dir, err := windows.GetSystemDirectory()
	if err != nil {
		dir = `C:\Windows\System32`
	}
	return filepath.Join(dir, "msiexec.exe")
}

func isAdministrator() bool { return windows.GetCurrentProcessToken().IsElevated() }

// serviceName is the service that the MSI installs.
const serviceName = "Tailscale"

// findTailscale says what there is of a Tailscale on this machine, "" if
// nothing. A service takes up the state of an earlier one, and with it its node.
func findTailscale(ctx context.Context) string {
	if s, err := openService(); err == nil {
		windows.CloseServiceHandle(s)
		return "the service " + serviceName + " is installed on this machine"
	}
	for _, path := range []string{filepath.Join(programDir(), "tailscaled.exe"), dataDir()} {
		if exists(path) {
			return "Tailscale is, or was, installed on this machine: there is " + path
		}
	}
	return findNeighbour(ctx).reason
}

// openService opens the service to ask for its status.
func openService() (windows.Handle, error) {
	manager, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CONNECT)
	if err != nil {
		return 0, err
	}
	defer windows.CloseServiceHandle(manager)
	name, err := windows.UTF16PtrFromString(serviceName)
	if err != nil {
		return 0, err
	}
	return windows.OpenService(manager, name, windows.SERVICE_QUERY_STATUS)
}

// serviceStates are the states of a service in words.
var serviceStates = map[uint32]string{
	windows.SERVICE_STOPPED: "stopped", windows.SERVICE_START_PENDING: "starting", windows.SERVICE_STOP_PENDING: "stopping", windows.SERVICE_RUNNING: "running",
}

// serviceState is the state of the service, for the reader of an error.
func serviceState() string {
	service, err := openService()
	if err != nil {
		return noService
	}
	defer windows.CloseServiceHandle(service)
	var status windows.SERVICE_STATUS
	if err := windows.QueryServiceStatus(service, &status); err != nil {
		return "unknown: " + err.Error()
	}
	state := cmp.Or(serviceStates[status.CurrentState], fmt.Sprintf("in state %d", status.CurrentState))
	if status.CurrentState == windows.SERVICE_STOPPED {
		state += fmt.Sprintf(" (exit code %d)", status.Win32ExitCode)
	}
	return state
}

var (
	msiDLL                = windows.NewLazySystemDLL("msi.dll")
	msiOpenPackageEx      = msiDLL.NewProc("MsiOpenPackageExW")
	msiGetProductProperty = msiDLL.NewProc("MsiGetProductPropertyW")
	msiGetProductInfo     = msiDLL.NewProc("MsiGetProductInfoW")
	msiCloseHandle        = msiDLL.NewProc("MsiCloseHandle")
)

// ignoreMachine opens a package without regard to what is installed.
const ignoreMachine = 1 // MSIOPENPACKAGEFLAGS_IGNOREMACHINESTATE

// productOf reads the product code of an MSI.
func productOf(msi string) (string, error) {
	path, err := windows.UTF16PtrFromString(msi)
	if err != nil {
		return "", err
	}
	var handle uint32
	if status, _, _ := msiOpenPackageEx.Call(uintptr(unsafe.Pointer(path)), ignoreMachine, uintptr(unsafe.Pointer(&handle))); status != 0 {
		return "", syscall.Errno(status)
	}
	defer msiCloseHandle.Call(uintptr(handle))
	return msiText(func(text *uint16, size *uint32) syscall.Errno {
		name := windows.StringToUTF16Ptr("ProductCode")
		status, _, _ := msiGetProductProperty.Call(uintptr(handle), uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(text)), uintptr(unsafe.Pointer(size)))
		return syscall.Errno(status)
	})
}

// publisherOf is who published an installed product, "" if it is not installed.
func publisherOf(code string) string {
	product, err := windows.UTF16PtrFromString(code)
	if err != nil {
		return ""
	}
	by, _ := msiText(func(text *uint16, size *uint32) syscall.Errno {
		name := windows.StringToUTF16Ptr("Publisher")
		status, _, _ := msiGetProductInfo.Call(uintptr(unsafe.Pointer(product)), uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(text)), uintptr(unsafe.Pointer(size)))
		return syscall.Errno(status)
	})
	return by
}

// msiText calls a function that fills a buffer with a short text.
func msiText(get func(text *uint16, size *uint32) syscall.Errno) (string, error) {
	text := make([]uint16, 1024)
	size := uint32(len(text))
	if status := get(&text[0], &size); status != 0 {
		return "", status
	}
	if text[0] == 0 {
		return "", errors.New("it is empty")
	}
	return windows.UTF16ToString(text), nil
}
