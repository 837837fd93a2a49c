package private

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

const nonblock = 0

var errNoReader = errors.New("not on Windows")

// ownerText is "": a FileInfo of Windows does not have the owner.
func ownerText(fs.FileInfo) string { return "" }

// IsOwnedBy is true: there are no user IDs.
func IsOwnedBy(fs.FileInfo, int) bool { return true }

// ownedBy is true: checkOwner asks for the owner.
func ownedBy(fs.FileInfo, int) bool { return true }

// openToOthers is false: a mode says nothing here, and Protect sets the rights.
func openToOthers(fs.FileInfo) bool { return false }

// CheckPlace checks nothing: a directory that another user has put in place of
// ours is that user's, and Open refuses it.
func CheckPlace(string, ...int) error { return nil }

// OwnerOf is not known: there are no user IDs.
func OwnerOf(string) (uid int, ok bool) { return 0, false }

// letGo closes the directory: no process can remove it while it is open.
func (d *Dir) letGo() { d.Close() }

// unusedLimit is for the kernel, and for a virus scanner, to let go of the
// program of a process that has ended.
const unusedLimit = 2 * time.Second

// untilUnused removes what another process may still have open.
func untilUnused(remove func() error) error {
	for deadline := time.Now().Add(unusedLimit); ; time.Sleep(20 * time.Millisecond) {
		err := remove()
		if !isInUse(err) || time.Now().After(deadline) {
			return err
		}
	}
}

func isInUse(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
}

// access returns the owner of an open directory and who may do what there;
// nil for a file system that knows no owners, such as FAT, or does not say what
// it knows.
func access(root *os.Root) (*windows.SECURITY_DESCRIPTOR, error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	handle := windows.Handle(dir.Fd())
	var flags uint32
	err = windows.GetVolumeInformationByHandle(handle, nil, 0, nil, nil, &flags, nil, 0)
	if err != nil || flags&windows.FILE_PERSISTENT_ACLS == 0 {
		return nil, nil
	}
	return windows.GetSecurityInfo(handle, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
}
