//go:build unix

package private

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// trustsGroup reports whether all members of a directory's group are trusted.
// It judges by the files of the system. A group that only a directory service
// (LDAP, Active Directory) knows is not trusted: its members cannot be listed.
// A group without any name, such as a Kubernetes fsGroup, has no other members.
func (p place) trustsGroup(path string, info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || hasACL(path) {
		return false
	}
	gid := strconv.Itoa(int(stat.Gid))
	users := table("/etc/passwd", 4)
	for _, user := range users {
		if user[3] == gid && !p.trustsUser(user[2]) {
			return false
		}
	}
	groups := table("/etc/group", 4)
	i := slices.IndexFunc(groups, func(group []string) bool { return group[2] == gid })
	if i < 0 {
		return !knownToServices(gid)
	}
	return p.trustsMembers(groups[i][3], users)
}

func (p place) trustsMembers(names string, users [][]string) bool {
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(users, func(user []string) bool { return user[0] == name })
		if name != "" && (i < 0 || !p.trustsUser(users[i][2])) {
			return false
		}
	}
	return true
}

func (p place) trustsUser(id string) bool {
	uid, err := strconv.Atoi(id)
	return err == nil && slices.Contains(p.trusted, uid)
}

// table reads the lines of a file such as /etc/passwd that have enough fields.
func table(file string, fields int) (lines [][]string) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(content)) {
		if entry := strings.Split(strings.TrimSpace(line), ":"); len(entry) >= fields {
			lines = append(lines, entry)
		}
	}
	return lines
}

// knownToServices asks the name services for a group, if getent exists.
func knownToServices(gid string) bool {
	const getent = "/usr/bin/getent"
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, getent, "group", gid)
	cmd.Env = []string{}
	err := cmd.Run()
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	const notFound = 2
	exit, ended := errors.AsType[*exec.ExitError](err)
	return !ended || exit.ExitCode() != notFound
}

// UserIDs are the IDs of the users in /etc/passwd.
func UserIDs() (ids []int) {
	for _, user := range table("/etc/passwd", 3) {
		if id, err := strconv.Atoi(user[2]); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}
