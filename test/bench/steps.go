//go:build linux

package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"tailscale.com/clientupdate/distsign"
)

// The steps of a join, each alone and with nothing beside it. Those of the
// daemon are among the floor's phases.
const (
	stepStart         = "a program starts and ends"
	stepVersionOfOurs = "tailjoin version"
	stepIDToken       = "ID token, on a new connection"
	stepAPI           = "exchange and auth key, on an open connection"
	stepHash          = "hash the unpacked daemon"
	stepUnpack        = "unpack the bundle"
	stepWire          = "the archive over the wire"
	stepUntar         = "unpack the archive"
	stepSums          = "hash the archive"
	stepVersion       = "ask the daemon for its version"
)

func (w *world) steps() []subject {
	return []subject{
		{stepStart, timed(w.startProgram)},
		{stepIDToken, timed(w.askIDToken)},
		{stepAPI, w.exchangeAndKey},
		{stepHash, timed(w.hashDaemon)},
		{stepUnpack, timed(w.unpackBundle)},
		{stepWire, timed(w.fetchArchive)},
		{stepUntar, timed(w.unpackArchive)},
		{stepSums, timed(w.hashArchive)},
		{stepVersion, timed(w.askVersion)},
	}
}

const alone = "alone"

// timed measures a function.
func timed(f func(context.Context) error) func(context.Context) (times, error) {
	return func(ctx context.Context) (times, error) {
		began := time.Now()
		err := f(ctx)
		return times{alone: milliseconds(time.Since(began))}, err
	}
}

func (w *world) startProgram(ctx context.Context) error {
	return exec.CommandContext(ctx, w.programs.floor, "nothing").Run()
}

// startTailjoin runs the program for as little as it can do.
func (w *world) startTailjoin(ctx context.Context) error {
	return exec.CommandContext(ctx, w.programs.tailjoin, "version").Run()
}

// client makes new connections.
func client() *http.Client { return &http.Client{Transport: &http.Transport{}} }

func (w *world) askIDToken(ctx context.Context) error {
	_, err := w.idToken(ctx, client())
	return err
}

func (w *world) idToken(ctx context.Context, c *http.Client) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.IDTokenRequestURL+"&audience=api.tailscale.com/"+clientID, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+w.IDTokenRequestToken)
	var answer struct{ Value string }
	err = send(c, req, &answer)
	return answer.Value, err
}

// send decodes the answer to a request.
func send(c *http.Client, req *http.Request, answer any) error {
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		return errors.New(res.Status)
	}
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, answer)
}

func (w *world) exchangeAndKey(ctx context.Context) (times, error) {
	token, err := w.idToken(ctx, client())
	if err != nil {
		return nil, err
	}
	c := client()
	if err := w.connect(ctx, c); err != nil {
		return nil, err
	}
	var access struct {
		Token string `json:"access_token"`
	}
	began := time.Now()
	form := url.Values{"client_id": {clientID}, "jwt": {token}}.Encode()
	if err := w.post(ctx, c, "/api/v2/oauth/token-exchange", "application/x-www-form-urlencoded", form, "", &access); err != nil {
		return nil, err
	}
	exchanged := time.Now()
	var key struct{ Key string }
	const create = `{"expirySeconds":300,"capabilities":{"devices":{"create":{"ephemeral":true,"preauthorized":true,"tags":["` + tag + `"]}}}}`
	if err := w.post(ctx, c, "/api/v2/tailnet/-/keys", "application/json", create, access.Token, &key); err != nil {
		return nil, err
	}
	return times{"exchange": milliseconds(exchanged.Sub(began)), "key": milliseconds(time.Since(exchanged))}, nil
}

// connect has c hold an open connection to the API.
func (w *world) connect(ctx context.Context, c *http.Client) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.ControlURL+"/generate_204", nil)
	if err != nil {
		return err
	}
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	io.Copy(io.Discard, res.Body)
	return res.Body.Close()
}

func (w *world) post(ctx context.Context, c *http.Client, path, kind, body, bearer string, answer any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.ControlURL+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", kind)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	if err := send(c, req, answer); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (w *world) hashDaemon(context.Context) error { return hashFile(w.programs.daemon, sha256.New()) }

func hashFile(name string, to io.Writer) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.CopyBuffer(to, struct{ io.Reader }{f}, make([]byte, 1<<18))
	return err
}

// unpackBundle looks at no sum.
func (w *world) unpackBundle(context.Context) error {
	dir, err := w.newDir()
	if err != nil {
		return err
	}
	return w.programs.unpack(filepath.Join(dir, "tailscaled"))
}

func (w *world) fetchArchive(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.PackagesURL+w.programs.release().Path(), nil)
	if err != nil {
		return err
	}
	res, err := client().Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

func (w *world) unpackArchive(context.Context) error {
	dir, err := w.newDir()
	if err != nil {
		return err
	}
	f, err := os.Open(w.programs.archive())
	if err != nil {
		return err
	}
	defer f.Close()
	return untar(f, dir)
}

func untar(r io.Reader, dir string) error {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	entries := tar.NewReader(unzipped)
	for {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		f, err := os.Create(filepath.Join(dir, filepath.Base(header.Name)))
		if err != nil {
			return err
		}
		_, err = io.Copy(f, entries)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
}

// hashArchive does what the sum and the signature of a download need.
func (w *world) hashArchive(context.Context) error {
	return hashFile(w.programs.archive(), io.MultiWriter(sha256.New(), distsign.NewPackageHash()))
}

func (w *world) askVersion(ctx context.Context) error {
	return exec.CommandContext(ctx, w.programs.fullDaemon, "--version").Run()
}
