package localtailnet

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip" // packs a daemon in a third of the time
)

// writeArchive makes the archive of r as Tailscale's are: both binaries, and a
// file more, in one directory of the archive's name.
func writeArchive(name string, r Release) (err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	// A name of its own: an archive that is half made must not be found.
	f, err := os.CreateTemp(filepath.Dir(name), ".making-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(packRelease(f, r), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func packRelease(w io.Writer, r Release) error {
	gz := gzip.NewWriter(w)
	tw := tar.NewWriter(gz)
	dir := strings.TrimSuffix(r.file(), ".tgz") + "/"
	err := errors.Join(
		packFile(tw, dir+"tailscaled", r.Daemon),
		packFile(tw, dir+"tailscale", r.CLI),
		packEntry(tw, File(dir+"systemd/tailscaled.service", "[Unit]\n")),
		tw.Close(),
		gz.Close(),
	)
	return err
}

func packFile(tw *tar.Writer, name, source string) error {
	f, err := os.Open(source)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	header := &tar.Header{Name: name, Mode: 0o755, Size: info.Size(), ModTime: time.Unix(0, 0), Typeflag: tar.TypeReg}
	if err := tw.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(tw, f)
	return err
}

// An Entry is what an archive made by Archive holds. The size of a regular
// file is that of Body.
type Entry struct {
	Header tar.Header
	Body   string
}

// File is an executable file of an archive.
func File(name, body string) Entry {
	return Entry{Header: tar.Header{Name: name, Mode: 0o755, Typeflag: tar.TypeReg}, Body: body}
}

// Symlink is a symbolic link of an archive.
func Symlink(name, target string) Entry {
	return Entry{Header: tar.Header{Name: name, Linkname: target, Mode: 0o777, Typeflag: tar.TypeSymlink}}
}

// Archive is a tgz with these entries, however odd.
func Archive(entries ...Entry) ([]byte, error) {
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	tw := tar.NewWriter(gz)
	for _, e := range entries {
		if err := packEntry(tw, e); err != nil {
			return nil, fmt.Errorf("packing %s: %w", e.Header.Name, err)
		}
	}
	if err := errors.Join(tw.Close(), gz.Close()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func packEntry(tw *tar.Writer, e Entry) error {
	e.Header.Size = int64(len(e.Body))
	if err := tw.WriteHeader(&e.Header); err != nil {
		return err
	}
	_, err := io.WriteString(tw, e.Body)
	return err
}
