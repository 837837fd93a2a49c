package private

import (
	"fmt"
	"os"
	"slices"
	"unsafe"

	"golang.org/x/sys/windows"
)

// checkOwner returns an *Error if an open directory belongs to another user.
// Administrators and the system can do everything anyway, and what an
// administrator makes belongs to all of them.
func checkOwner(root *os.Root, path string) error {
	descriptor, err := access(root)
	if err != nil || descriptor == nil {
		return err
	}
	owner, _, err := descriptor.Owner()
	if err != nil {
		return err
	}
	trusted, err := trustedUsers()
	if err == nil && !isAmong(trusted, owner) {
		err = &Error{Path: path, Owner: nameOf(owner), Reason: "not owned by this user"}
	}
	return err
}

// Protect keeps other users out of the directory and of what will be made there.
// It returns an *Error if they still have access.
func (d *Dir) Protect() error {
	before, err := access(d.Root)
	if err != nil || before == nil {
		return err
	}
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return err
	}
	// P: inherits nothing; OICI: is inherited; FA: full access; SY: the system; BA: administrators.
	// Source: https://learn.microsoft.com/windows/win32/secauthz/ace-strings.
	ours, err := windows.SecurityDescriptorFromString(fmt.Sprintf("D:P(A;OICI;FA;;;%s)(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)", user.User.Sid))
	if err != nil {
		return err
	}
	if err := setAccess(d.Path, ours); err != nil {
		return fmt.Errorf("setting who may use %s: %w", d.Path, err)
	}
	return d.checkProtected()
}

func setAccess(path string, descriptor *windows.SECURITY_DESCRIPTOR) error {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	const sharing = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	dir, err := windows.CreateFile(name, windows.READ_CONTROL|windows.WRITE_DAC, sharing, nil, windows.OPEN_EXISTING,
		windows.FILE_FLAG_BACKUP_SEMANTICS|windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(dir)
	return windows.SetKernelObjectSecurity(dir, windows.DACL_SECURITY_INFORMATION, descriptor)
}

// checkProtected looks at the open directory: the path may have led to another
// by now.
func (d *Dir) checkProtected() error {
	descriptor, err := access(d.Root)
	if err != nil || descriptor == nil {
		return err
	}
	list, _, err := descriptor.DACL()
	if err != nil {
		return err
	}
	trusted, err := trustedUsers()
	if err != nil {
		return err
	}
	if list == nil {
		return &Error{Path: d.Path, Reason: "every user has access"}
	}
	for i := range uint32(list.AceCount) {
		var entry *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(list, i, &entry); err != nil {
			return err
		}
		if user := (*windows.SID)(unsafe.Pointer(&entry.SidStart)); entry.Header.AceType == windows.ACCESS_ALLOWED_ACE_TYPE && !isAmong(trusted, user) {
			return &Error{Path: d.Path, Owner: nameOf(user), Reason: "other users have access"}
		}
	}
	return nil
}

// trustedUsers are the user of this process, the system and administrators.
func trustedUsers() ([]*windows.SID, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, err
	}
	trusted := []*windows.SID{user.User.Sid}
	for _, kind := range []windows.WELL_KNOWN_SID_TYPE{windows.WinLocalSystemSid, windows.WinBuiltinAdministratorsSid} {
		sid, err := windows.CreateWellKnownSid(kind)
		if err != nil {
			return nil, err
		}
		trusted = append(trusted, sid)
	}
	return trusted, nil
}

func isAmong(users []*windows.SID, user *windows.SID) bool {
	return slices.ContainsFunc(users, func(one *windows.SID) bool { return one.Equals(user) })
}

// nameOf is DOMAIN\user, or the number of a user that has no name here.
func nameOf(user *windows.SID) string {
	name, domain, _, err := user.LookupAccount("")
	if err != nil {
		return user.String()
	}
	return domain + `\` + name
}
