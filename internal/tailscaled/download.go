package tailscaled

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/tailjoin/tailjoin/internal/retry"
	"tailscale.com/clientupdate/distsign"
)

const largestArchive = 256 << 20 // Tailscale's have 20 to 35 MB

// mirror downloads from the package server that the user configured.
func (in Install) mirror(ctx context.Context) (Binary, error) {
	if in.Mirror == "" {
		return Binary{}, missing("none is configured")
	}
	return in.fetch(ctx, in.mirrorShelf())
}

// tailscale downloads from Tailscale's package server.
func (in Install) tailscale(ctx context.Context) (Binary, error) {
	if !in.mayDownload() {
		return Binary{}, missing("not asked: nothing is downloaded by default")
	}
	return in.fetch(ctx, in.tailscaleShelf())
}

// cached takes what was downloaded before. It is verified like a download;
// whatever is wrong with it, another source is better.
func (in Install) cached(ctx context.Context) (Binary, error) {
	b, err := in.fetch(ctx, in.shelfInCache())
	if _, gone := errors.AsType[*absent](err); err == nil || gone || ctx.Err() != nil {
		return b, err
	}
	if _, unusable := errors.AsType[*cacheError](err); unusable || ofMachine(err) {
		return b, err
	}
	in.log().Warn("a cached archive of tailscaled was changed: it is not used", "error", err)
	return Binary{}, missing("%v", err)
}

// fetch takes the wanted version from a shelf, verifies it and puts it where
// it is run. The archive and its signature come at the same time.
func (in Install) fetch(ctx context.Context, s shelf) (Binary, error) {
	f, err := in.format()
	if err != nil {
		return Binary{}, in.unsupported(err)
	}
	version, err := in.versionOn(ctx, s)
	if err != nil {
		return Binary{}, in.failed(s, "/", err)
	}
	if f.permit != nil {
		if err := f.permit(ctx, in); err != nil {
			return Binary{}, err
		}
	}
	path := f.path(version, in.arch())
	got, err := in.receive(ctx, s, f, path)
	if err != nil {
		return Binary{}, in.failed(s, path, in.ofCache(err))
	}
	defer os.RemoveAll(got.dir)
	if err := in.prove(s, got); err != nil {
		return Binary{}, err
	}
	b, err := f.settle(ctx, in, got, version)
	if err != nil {
		return Binary{}, err
	}
	in.keep(s, got)
	b.Source, b.Version, b.Full = s.source, version, true
	return b, nil
}

// unsupported lets the search go on where a download was not asked for.
func (in Install) unsupported(err error) error {
	if in.mayDownload() {
		return err
	}
	return missing("there is nothing to download for %s", in.platform())
}

// A received is an archive in a scratch directory: as it came, and unpacked.
type received struct {
	dir    string
	path   string    // on the shelf
	hash   hash.Hash // SHA-256 where a sum is known, else what is signed
	length int64
	odd    error // why it could not be unpacked

	chain    signature
	unsigned error // why there is no chain
}

// asReceived is the name of the archive in the scratch directory. msiexec goes
// by the ending.
func (r received) asReceived() string { return filepath.Join(r.dir, "received"+path.Ext(r.path)) }

// receive gets an archive and, unless its sum is known, its signature.
func (in Install) receive(ctx context.Context, s shelf, f format, path string) (received, error) {
	if in.sumOf(path) != "" {
		return in.receiveArchive(ctx, s, f, path)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	chains := make(chan received, 1)
	go func() {
		chain, err := s.readSignature(ctx, path)
		chains <- received{chain: chain, unsigned: err}
	}()
	got, err := in.receiveArchive(ctx, s, f, path)
	if err != nil {
		cancel()
	}
	signed := <-chains
	got.chain, got.unsigned = signed.chain, signed.unsigned
	return got, err
}

// receiveArchive tries again with a new scratch directory what the network
// has spoiled.
func (in Install) receiveArchive(ctx context.Context, s shelf, f format, path string) (received, error) {
	// Without a limit for the whole request: an archive may take long, and get
	// ends a transfer that stands still.
	return retry.Steps(ctx, in.again, func(ctx context.Context) (received, error) {
		dir, err := in.scratch()
		if err != nil {
			return received{}, err
		}
		got := received{dir: dir, path: path}
		if err := in.unpackStream(ctx, s, f, &got); err != nil {
			os.RemoveAll(dir)
			return received{}, err
		}
		return got, nil
	})
}

// unpackStream unpacks an archive while it comes, hashes it and keeps it. It
// returns the errors of the network and the disk. That the archive is odd is
// for later: if it is not the right one, that is what the user must hear.
func (in Install) unpackStream(ctx context.Context, s shelf, f format, got *received) error {
	body, err := s.open(ctx, got.path)
	if err != nil {
		return err
	}
	defer body.Close()
	kept, err := os.Create(got.asReceived())
	if err != nil {
		return err
	}
	defer kept.Close()
	got.hash = in.hashFor(got.path)
	stream := &failing{Reader: io.LimitReader(body, largestArchive)}
	all := bufio.NewReaderSize(io.TeeReader(stream, io.MultiWriter(kept, got.hash)), 1<<18)
	got.odd = f.unpack(ctx, all, got.dir)
	_, err = io.Copy(io.Discard, all)
	if stream.err != nil {
		return stream.err
	}
	if disk, ok := errors.AsType[*fs.PathError](errors.Join(got.odd, err)); ok {
		return disk
	}
	got.length, err = kept.Seek(0, io.SeekCurrent)
	return errors.Join(err, kept.Close())
}

// A failing remembers the error of a reader, which gzip and tar replace by
// their own.
type failing struct {
	io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err != nil && err != io.EOF {
		f.err = err
	}
	return n, err
}

// sumOf is the SHA-256 that the archive at path must have: the user's, or the
// one in the table of known sums. "" leaves it to the signature.
func (in Install) sumOf(archive string) string {
	if in.SHA256 != "" {
		return strings.ToLower(in.SHA256)
	}
	sum, _ := in.known(path.Base(archive))
	return sum
}

// hashFor is what an archive is to be compared by.
func (in Install) hashFor(path string) hash.Hash {
	if in.sumOf(path) != "" {
		return sha256.New()
	}
	return distsign.NewPackageHash()
}

// settlePrograms moves the programs to where they are run, once they say that
// they are the version asked for: a signature does not cover the name, so that
// a mirror may have another signed archive under it. What says so is the file
// that is moved and run.
func settlePrograms(ctx context.Context, in Install, got received, version string) (Binary, error) {
	dir := in.entry(version, "")
	b := Binary{Daemon: filepath.Join(dir, "tailscaled"), CLI: filepath.Join(dir, "tailscale")}
	file, err := openOwned(filepath.Join(got.dir, "tailscaled"), rootAndUs())
	if err != nil {
		return Binary{}, err
	}
	b.file = file
	said, err := askVersion(ctx, file.Name(), file)
	if err != nil {
		return Binary{}, notRunnable(in, err)
	}
	if said != version {
		return Binary{}, wrongVersion(got, said, version)
	}
	return b, in.ofCache(moveAll(got.dir, dir, archived...))
}
