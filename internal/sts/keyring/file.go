package keyring

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/tailjoin/tailjoin/internal/diag"
)

// A File keeps a ring in a file that its owner alone can read. Several
// processes of one machine may share it.
type File struct {
	Path string
}

// Load reads the file. It fails with a Problem if others can read it, too.
func (f File) Load(context.Context) (document []byte, version string, err error) {
	file, err := os.Open(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", ErrNone
	} else if err != nil {
		return nil, "", fmt.Errorf("opening the keys: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, "", fmt.Errorf("opening the keys: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" { // which knows no modes
		return nil, "", f.unsafe(info.Mode())
	}
	document, err = io.ReadAll(file)
	if err != nil {
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

func (f File) unsafe(mode fs.FileMode) error {
	return &diag.Problem{
		Code:    "keys-unsafe",
		Summary: "others than its owner may use the file with the signing keys",
		Facts:   []diag.Fact{{Name: "file", Value: f.Path}, {Name: "mode", Value: mode.String()}},
		Hint: "whoever has read it can sign tokens. If nobody can have: chmod 600 " + f.Path + "\n" +
			"If somebody can: do that, and then tailjoin-sts keys rotate --leaked",
	}
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
