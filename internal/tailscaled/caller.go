package tailscaled

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"
)

// A caller is the user who called sudo. A root task reads it once and acts for
// no other user.
type caller struct {
	uid, gid int
	name     string // "" if sudo does not say
}

// callerOf reads the variables in which sudo describes its caller.
func callerOf(env func(string) string) (caller, error) {
	uid, uidErr := strconv.Atoi(env("SUDO_UID"))
	gid, gidErr := strconv.Atoi(env("SUDO_GID"))
	if err := errors.Join(uidErr, gidErr); err != nil {
		return caller{}, fmt.Errorf("SUDO_UID and SUDO_GID do not name a user: not called by sudo: %w", err)
	}
	return caller{uid, gid, env("SUDO_USER")}, nil
}

// operator returns the name by which tailscaled finds the caller. sudo has it
// from the directories of the machine, such as LDAP, which Go without cgo does
// not ask. A number works where getent knows it.
func (c caller) operator() string {
	uid := strconv.Itoa(c.uid)
	if c.name != "" {
		return c.name
	}
	if u, err := user.LookupId(uid); err == nil {
		return u.Username
	}
	return uid
}
