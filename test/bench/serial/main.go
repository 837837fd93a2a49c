//go:build linux

// Command serial joins as today's action, tailscale/github-action v4, does on
// Linux: the same programs, one after the other, each after the one before has
// ended. What would make it slower still is left out: node's start, the
// question to the cache service and the upload to it, sudo.
//
//	serial join  -dir DIR -packages URL -version V -control URL -client ID -tags T
//	serial leave -dir DIR
//
// The ID token is asked for as in any GitHub job, by the environment.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A way is what the action is told.
type way struct {
	dir, packages, version, control, client, tags string

	phases map[string]float64
}

// bin is where the action installs.
const bin = "/usr/local/bin"

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "serial:", err)
		os.Exit(1)
	}
}

func run(verb string, args []string) error {
	w := &way{phases: map[string]float64{}}
	fs := flag.NewFlagSet(verb, flag.ContinueOnError)
	fs.StringVar(&w.dir, "dir", "", "for the archive, the log, the daemon's number")
	fs.StringVar(&w.packages, "packages", "", "package server")
	fs.StringVar(&w.version, "version", "", "of tailscaled")
	fs.StringVar(&w.control, "control", "", "control server")
	fs.StringVar(&w.client, "client", "", "client ID of the trust credential")
	fs.StringVar(&w.tags, "tags", "", "of the node")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if verb == "leave" {
		return w.leave()
	}
	return w.join()
}

func (w *way) join() error {
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"download", w.download},
		{"install", w.install},
		{"daemon", w.startDaemon},
		{"id-token", w.askToken},
		{"up", w.up},
		{"status", status},
	} {
		began := time.Now()
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		w.phases[step.name] = float64(time.Since(began).Microseconds()) / 1000
	}
	return json.NewEncoder(os.Stdout).Encode(w.phases)
}

func (w *way) name() string { return fmt.Sprintf("tailscale_%s_%s", w.version, runtime.GOARCH) }

// download asks for the sum by curl, then for the archive, and compares.
func (w *way) download() error {
	url := w.packages + "/stable/" + w.name() + ".tgz"
	wanted, err := exec.Command("curl", "-sSL", "--fail", url+".sha256").Output()
	if err != nil {
		return err
	}
	if err := fetch(url, w.archive()); err != nil {
		return err
	}
	sum, err := sumOf(w.archive())
	if err == nil && sum != strings.TrimSpace(string(wanted)) {
		err = errors.New("the archive has another sum")
	}
	return err
}

func (w *way) archive() string { return filepath.Join(w.dir, "tailscale.tgz") }

func fetch(url, name string) error {
	res, err := http.Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(f, res.Body)
	return err
}

func sumOf(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}

// install unpacks into the tool cache and copies from there.
func (w *way) install() error {
	unpacked := filepath.Join(w.dir, w.name())
	daemon, cli := filepath.Join(unpacked, "tailscaled"), filepath.Join(unpacked, "tailscale")
	for _, command := range [][]string{
		{"tar", "xzf", w.archive(), "-C", w.dir},
		{"cp", cli, daemon, bin},
		{"chmod", "+x", bin + "/tailscale"},
		{"chmod", "+x", bin + "/tailscaled"},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", command[0], err, out)
		}
	}
	return nil
}

// startDaemon asks every 500 ms whether the daemon answers.
func (w *way) startDaemon() error {
	log, err := os.Create(filepath.Join(w.dir, "tailscaled.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	daemon := exec.Command(bin+"/tailscaled", "--state=mem:")
	daemon.Stderr = log
	daemon.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := daemon.Start(); err != nil {
		return err
	}
	if err := os.WriteFile(w.pidFile(), []byte(strconv.Itoa(daemon.Process.Pid)), 0o600); err != nil {
		return err
	}
	for range 30 {
		if err = status(); err == nil {
			return nil
		}
		time.Sleep(500 * time.Millisecond)
	}
	return err
}

func (w *way) pidFile() string   { return filepath.Join(w.dir, "tailscaled.pid") }
func (w *way) tokenFile() string { return filepath.Join(w.dir, "id-token") }

func status() error { return exec.Command(bin+"/tailscale", "status", "--json").Run() }

// askToken asks the runner for an ID token.
func (w *way) askToken() error {
	url := os.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL") + "&audience=api.tailscale.com/" + w.client
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+os.Getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN"))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var answer struct{ Value string }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return err
	}
	return os.WriteFile(w.tokenFile(), []byte(answer.Value), 0o600)
}

func (w *way) up() error {
	host, err := exec.Command("hostname").Output()
	if err != nil {
		return err
	}
	out, err := exec.Command(bin+"/tailscale", "up", "--login-server="+w.control,
		"--advertise-tags="+w.tags, "--hostname=github-"+strings.TrimSpace(string(host)), "--accept-routes",
		"--client-id="+w.client+"?preauthorized=true&ephemeral=true", "--id-token=file:"+w.tokenFile()).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// leave is the action's post step. It does not wait for the daemon's end.
func (w *way) leave() error {
	raw, err := os.ReadFile(w.pidFile())
	if err != nil {
		return err
	}
	for _, command := range [][]string{
		{bin + "/tailscale", "--version"},
		{bin + "/tailscale", "logout"},
		{"kill", string(raw)},
		{bin + "/tailscaled", "--cleanup"},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", command[0], err, out)
		}
	}
	return nil
}
