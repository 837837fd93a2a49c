package keyring

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/sts/ownfile"
)

// A File keeps a ring in a file that its owner alone can read. Several
// processes of one machine may share it.
type File struct {
	Path string
}

// Load reads the file. It fails with a Problem if another user can have read or
// written it.
func (f File) Load(context.Context) (document []byte, version string, err error) {
	document, err = ownfile.Read(f.Path, ownfile.Private)
	if unsafe, ok := errors.AsType[*ownfile.UnsafeError](err); ok {
		return nil, "", f.unsafe(unsafe)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", ErrNone
	} else if err != nil {
		return nil, "", fmt.Errorf("reading the keys: %w", err)
	}
	if len(document) == 0 {
		return nil, "", ErrNone
	}
	return document, versionOf(document), nil
}

func versionOf(document []byte) string {
	sum := sha256.Sum256(document)
	return hex.EncodeToString(sum[:])
}

// unsafeWords are the summary and the first line of the hint for each reason.
var unsafeWords = map[string][2]string{
	ownfile.WhyMode:  {"users other than its owner may use the file with the signing keys", "anyone who has read it can sign tokens. If no other user can have read it: chmod 600 "},
	ownfile.WhyOwner: {"the file with the signing keys belongs to another user", "its owner can sign tokens. If that is right, make the file the service's: chown it, and chmod 600 "},
	ownfile.WhyLink:  {"the file with the signing keys is a symbolic link", "name the file itself: signingKey.file.storagePath instead of "},
	ownfile.WhyKind:  {"the signing keys are not in a regular file", "name a file: signingKey.file.storagePath instead of "},
}

func (f File) unsafe(e *ownfile.UnsafeError) error {
	words := unsafeWords[e.Why]
	p := &diag.Problem{
		Code:    "keys-unsafe",
		Summary: words[0],
		Facts:   []diag.Fact{{Name: "file", Value: f.Path}, {Name: "mode", Value: e.Mode.String()}},
		Hint:    words[1] + f.Path + "\nIf another user can have: do that, and then tailjoin-sts keys rotate --leaked",
	}
	if e.Why == ownfile.WhyOwner {
		p.Facts = append(p.Facts, diag.Fact{Name: "owner", Value: fmt.Sprintf("user ID %d", e.Owner)})
	}
	return p
}

// Swap writes the file beside the old one and puts it in its place, so a
// reader finds either, whole, whatever happens in between.
func (f File) Swap(ctx context.Context, old string, document []byte) (string, error) {
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o700); err != nil {
		return "", fmt.Errorf("writing the keys: %w", err)
	}
	unlock, err := lock(f.Path + ".lock")
	if err != nil {
		return "", fmt.Errorf("locking the keys: %w", err)
	}
	defer unlock()
	_, now, err := f.Load(ctx)
	if err != nil && !errors.Is(err, ErrNone) {
		return "", err
	}
	if now != old {
		return "", ErrChanged
	}
	if err := f.replace(document); err != nil {
		return "", fmt.Errorf("writing the keys: %w", err)
	}
	return versionOf(document), nil
}

// replace puts the file in place once it is on the disk. The name of the new
// one is always the same: what a killed process left of one is removed.
func (f File) replace(document []byte) error {
	beside := f.Path + ".new"
	if err := os.Remove(beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(document)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(beside, f.Path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(f.Path))
}
