package localtailnet

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Packages is a package server with the layout of pkgs.tailscale.com:
//
//	/{stable,unstable}/?mode=json[&v=VERSION]      what there is: JSON
//	/{stable,unstable}/tailscale_VERSION_ARCH.tgz  and .sha256, .sig beside it
//	/distsign.pub, /distsign.pub.sig
//
// It signs with keys of its own; whoever asks it must be told to trust RootKey.
type Packages struct {
	RootKey   []byte       // PEM of the public root
	Bandwidth atomic.Int64 // bytes per second of each answer; 0 is no limit

	dir    string
	signer *packageSigner

	mu       sync.Mutex
	files    map[string][]byte // by path; what is not here is looked for in dir
	faults   faults            // by path
	requests map[string]int
	tracks   map[string][]Release // in the order added: the last is the newest
}

// A Release is a pair of binaries to be served under a version. What the
// binaries say of themselves is not looked at.
type Release struct {
	Version     string // "1.102.5"; an odd minor goes to the unstable track
	Arch        string // "" is the one this program runs on
	Daemon, CLI string // paths of the binaries
}

func (r Release) track() string {
	minor, _, _ := strings.Cut(strings.TrimPrefix(r.Version, "1."), ".")
	if n, err := strconv.Atoi(minor); err == nil && n%2 == 1 {
		return "unstable"
	}
	return "stable"
}

func (r Release) file() string {
	return fmt.Sprintf("tailscale_%s_%s.tgz", r.Version, cmp.Or(r.Arch, runtime.GOARCH))
}

// Path is where the archive of r is served.
func (r Release) Path() string { return "/" + r.track() + "/" + r.file() }

// NewPackages returns a server without packages. It keeps in dir the archives
// it makes, and takes those it finds there if no binary is newer.
func NewPackages(dir string) (*Packages, error) {
	signer, err := newPackageSigner()
	if err != nil {
		return nil, err
	}
	return &Packages{
		RootKey: signer.root,
		dir:     dir,
		signer:  signer,
		files: map[string][]byte{
			"/distsign.pub":     signer.bundle,
			"/distsign.pub.sig": signer.bundleSig,
		},
		faults:   faults{},
		requests: map[string]int{},
		tracks:   map[string][]Release{},
	}, nil
}

// Add makes the archive of r, unless dir has it, signs it and serves it.
func (p *Packages) Add(r Release) error {
	archive := filepath.Join(p.dir, filepath.FromSlash(r.Path()))
	if !newer(archive, r.Daemon, r.CLI) {
		if err := writeArchive(archive, r); err != nil {
			return fmt.Errorf("making %s: %w", r.file(), err)
		}
	}
	return p.publish(r, archive)
}

// AddArchive serves bytes as the archive of r, signed like any other.
func (p *Packages) AddArchive(r Release, archive []byte) error {
	name := filepath.Join(p.dir, filepath.FromSlash(r.Path()))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(name, archive, 0o644); err != nil {
		return err
	}
	return p.publish(r, name)
}

func (p *Packages) publish(r Release, archive string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	sig, err := p.signer.sign(io.TeeReader(f, sum))
	if err != nil {
		return fmt.Errorf("signing %s: %w", r.file(), err)
	}
	p.Set(r.Path()+".sig", sig)
	p.Set(r.Path()+".sha256", []byte(hex.EncodeToString(sum.Sum(nil))))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tracks[r.track()] = append(p.tracks[r.track()], r)
	return nil
}

// Set serves content at a path, whatever was there before: a wrong checksum, a
// wrong signature. Nil takes the path away.
func (p *Packages) Set(path string, content []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.files[path] = content
}

// Break makes f happen to the requests for a path from now on.
func (p *Packages) Break(path string, f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults[path] = &f
}

// Requests is how often a path was asked for.
func (p *Packages) Requests(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests[path]
}

func (p *Packages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.requests[r.URL.Path]++
	fault := p.faults.take(r.URL.Path, r.Method)
	p.mu.Unlock()
	fault.hit(w, r, http.HandlerFunc(p.serve))
}

func (p *Packages) serve(w http.ResponseWriter, r *http.Request) {
	w = &slowWriter{ResponseWriter: w, request: r, bandwidth: p.Bandwidth.Load(), start: time.Now()}
	if r.URL.Query().Get("mode") == "json" {
		p.serveIndex(w, r)
		return
	}
	p.serveFile(w, r)
}

func (p *Packages) serveFile(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	content, ok := p.files[r.URL.Path]
	p.mu.Unlock()
	if ok && content == nil {
		http.NotFound(w, r)
		return
	}
	if ok {
		http.ServeContent(w, r, path.Base(r.URL.Path), time.Time{}, bytes.NewReader(content))
		return
	}
	http.ServeFileFS(w, r, os.DirFS(p.dir), strings.TrimPrefix(r.URL.Path, "/"))
}

// serveIndex answers ?mode=json in the form of clientupdate.TrackPackages. A
// version, v=1.102.5 or v=1.102, asks for the newest that begins so.
func (p *Packages) serveIndex(w http.ResponseWriter, r *http.Request) {
	version := r.FormValue("v")
	var found Release
	tarballs := map[string]string{}
	p.mu.Lock()
	for _, release := range p.tracks[strings.Trim(r.URL.Path, "/")] {
		if version != "" && !strings.HasPrefix(release.Version+".", version+".") {
			continue
		}
		if release.Version != found.Version {
			clear(tarballs)
		}
		found = release
		tarballs[cmp.Or(release.Arch, runtime.GOARCH)] = release.file()
	}
	p.mu.Unlock()
	if found.Version == "" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{
		"Version": found.Version, "TarballsVersion": found.Version, "Tarballs": tarballs,
	})
}

// newer says whether target exists and is no older than the sources.
func newer(target string, sources ...string) bool {
	made, err := os.Stat(target)
	if err != nil {
		return false
	}
	for _, source := range sources {
		info, err := os.Stat(source)
		if err != nil || info.ModTime().After(made.ModTime()) {
			return false
		}
	}
	return true
}
