package tailscaled

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/gzip" // 85 KB more, a quarter less time
)

const (
	largestFile  = 256 << 20 // a tailscaled has 30 to 45 MB
	largestTotal = 2 * largestFile
	mostEntries  = 100 // Tailscale's archives have 7
)

var errTooLarge = fmt.Errorf("larger than %d MB", largestFile>>20)

// archived are the programs that an archive must hold once each. They are
// written under these names, so no path of the archive is ever used.
var archived = []string{"tailscaled", "tailscale"}

// untar writes the programs of a tgz into dir. It reads to the end of the
// archive, not to the end of r. An archive with anything odd in it is refused
// as a whole: paths that lead out, links, devices, a program too many.
func untar(ctx context.Context, r io.Reader, dir string) error {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	entries := tar.NewReader(io.LimitReader(unzipped, largestTotal))
	var found []string
	for n := 0; ; n++ {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return checkFound(found)
		}
		if err != nil {
			return err
		}
		if err := checkEntry(header, n); err != nil {
			return err
		}
		name := path.Base(header.Name)
		if header.Typeflag == tar.TypeDir || !slices.Contains(archived, name) {
			continue
		}
		if slices.Contains(found, name) {
			return fmt.Errorf("%s is there twice", name)
		}
		found = append(found, name)
		if err := writeProgram(ctx, filepath.Join(dir, name), entries); err != nil {
			return err
		}
	}
}

func checkEntry(header *tar.Header, n int) error {
	if n >= mostEntries {
		return fmt.Errorf("more than %d entries", mostEntries)
	}
	if header.Typeflag != tar.TypeReg && header.Typeflag != tar.TypeDir {
		return fmt.Errorf("%s is neither a file nor a directory", header.Name)
	}
	if !filepath.IsLocal(header.Name) {
		return fmt.Errorf("the path %s leads out of the archive", header.Name)
	}
	if header.Size > largestFile {
		return fmt.Errorf("%s is %w", header.Name, errTooLarge)
	}
	return nil
}

func checkFound(found []string) error {
	for _, name := range archived {
		if !slices.Contains(found, name) {
			return fmt.Errorf("%s is not there", name)
		}
	}
	return nil
}

func writeProgram(ctx context.Context, name string, r io.Reader) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.CopyBuffer(struct{ io.Writer }{f}, r, make([]byte, 1<<18)); err != nil {
		return err
	}
	written, err := closeProgram(ctx, f)
	if err != nil {
		return err
	}
	return written.Close()
}
