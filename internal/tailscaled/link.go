package tailscaled

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
)

// A Link is a symbolic link in a directory that may be root's alone.
type Link struct{ Path, Target string }

// Make makes the link for a session: by sudo, where we may not and sudo is
// there. self is this program.
func (l Link) Make(ctx context.Context, sudo bool, self, session string) error {
	err := os.Symlink(l.Target, l.Path)
	if sudo && errors.Is(err, fs.ErrPermission) {
		return runAsRoot(ctx, self, "link", session, l, &struct{}{})
	}
	return err
}

// Remove removes the link if it still is what was made.
func (l Link) Remove(ctx context.Context, sudo bool, self, session string) error {
	if target, err := os.Readlink(l.Path); err != nil || target != l.Target {
		return nil
	}
	err := os.Remove(l.Path)
	if sudo && errors.Is(err, fs.ErrPermission) {
		return runAsRoot(ctx, self, "unlink", session, l, &struct{}{})
	}
	return err
}

func rootLink(ctx context.Context, _ rootSession, in []byte) (any, error) {
	var l Link
	if err := json.Unmarshal(in, &l); err != nil {
		return nil, err
	}
	return struct{}{}, l.Make(ctx, false, "", "")
}

func rootUnlink(ctx context.Context, _ rootSession, in []byte) (any, error) {
	var l Link
	if err := json.Unmarshal(in, &l); err != nil {
		return nil, err
	}
	return struct{}{}, l.Remove(ctx, false, "", "")
}
