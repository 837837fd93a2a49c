package private

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// An access control list gives rights that the mode does not show.
func TestCheckPlace_refusesADirectoryThatAListOpensToAnotherUser(t *testing.T) {
	dir := mustDir(t)
	must(t, os.Chmod(dir, 0o775), os.Chown(dir, -1, os.Getegid()))
	if err := CheckPlace(filepath.Join(dir, "session"), os.Geteuid()); err != nil {
		t.Skipf("this user's group has other members: %v", err)
	}
	type entry struct {
		Tag, Rights uint16
		ID          uint32
	}
	const none = 1<<32 - 1
	var list bytes.Buffer
	must(t, binary.Write(&list, binary.LittleEndian, uint32(2)), // acl(5), posix_acl_xattr.h
		binary.Write(&list, binary.LittleEndian, []entry{{1, 7, none}, {2, 7, stranger}, {4, 7, none}, {16, 7, none}, {32, 5, none}}))
	if err := syscall.Setxattr(dir, "system.posix_acl_access", list.Bytes(), 0); err != nil {
		t.Skipf("this file system has no such lists: %v", err)
	}
	if err := CheckPlace(filepath.Join(dir, "session"), os.Geteuid()); err == nil {
		t.Error("the directory is accepted")
	}
}

// placeToCheck is for a child of this test, in a user namespace.
const placeToCheck = "TAILJOIN_TEST_PLACE"

// A file of the host shows the same owner, whichever user owns it.
func TestCheck_anOwnerThatIsNotMapped(t *testing.T) {
	if dir := os.Getenv(placeToCheck); dir != "" {
		for path, want := range map[string]bool{"open/a/session": true, "sticky/a/session": false} {
			if err := CheckPlace(filepath.Join(dir, path), 0); (err == nil) != want {
				t.Errorf("place %s: got error %v", path, err)
			}
			if err := CheckProgram(filepath.Join(dir, path), 0); err == nil {
				t.Errorf("a program in %s is accepted", path)
			}
		}
		return
	}
	dir := mustDir(t)
	for parent, mode := range map[string]os.FileMode{"open": 0o755, "sticky": 0o777 | os.ModeSticky} {
		must(t, os.MkdirAll(filepath.Join(dir, parent, "a"), 0o755), os.Chmod(filepath.Join(dir, parent), mode))
		giveAway(t, filepath.Join(dir, parent, "a"))
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$")
	cmd.Env = []string{placeToCheck + "=" + dir}
	root := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: root, GidMappings: root}
	if words, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, words)
	}
}
