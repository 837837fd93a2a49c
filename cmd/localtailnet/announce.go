package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// announce prints what there is, as comments, and the environment for a
// client. The file gets the same.
func (f flags) announce(out io.Writer, tn *localtailnet.Tailnet, peer *localtailnet.Peer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# A tailnet on %s\n", f.tailnet.Listen)
	fmt.Fprintf(&b, "#   control and API  %s\n", tn.ControlURL)
	fmt.Fprintf(&b, "#   ID tokens        %s\n", tn.IssuerURL)
	if tn.PackagesURL != "" {
		fmt.Fprintf(&b, "#   packages         %s\n", tn.PackagesURL)
	}
	fmt.Fprintf(&b, "#   a peer           http://%s/  (%s)\n", peer.Name, peer.IP)
	for _, v := range f.env(tn) {
		name, value, _ := strings.Cut(v, "=")
		fmt.Fprintf(&b, "%s='%s'\n", name, value) // no value here holds a quote
	}
	if err := f.writeEnvFile(b.Bytes()); err != nil {
		return fmt.Errorf("writing the environment: %w", err)
	}
	_, err := out.Write(b.Bytes())
	return err
}

// env is the environment of a job, or, for a person at a terminal, what of it
// a join needs.
func (f flags) env(tn *localtailnet.Tailnet) (env []string) {
	for _, v := range tn.Env() {
		if f.github || !strings.HasPrefix(v, "GITHUB_") {
			env = append(env, v)
		}
	}
	env = append(env, "TAILJOIN_OAUTH_CLIENT_ID="+clientID, "TAILJOIN_TAGS=tag:ci")
	if f.tailnet.PackagesDir != "" {
		env = append(env, "TAILJOIN_MIRROR_KEY="+rootKey(f.tailnet.PackagesDir))
	}
	return env
}

// writeEnvFile puts the whole file in place at once: who waits for it may read
// it as soon as it is there. It holds the token that asks for ID tokens.
func (f flags) writeEnvFile(content []byte) error {
	if f.envFile == "" {
		return nil
	}
	temp, err := os.CreateTemp(filepath.Dir(f.envFile), ".env-") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	if _, err := temp.Write(content); err != nil {
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	return os.Rename(temp.Name(), f.envFile)
}

// follow prints every event from now on.
func follow(ctx context.Context, out io.Writer, tn *localtailnet.Tailnet) {
	shown := len(tn.Events())
	for {
		err := tn.WaitFor(ctx, func() bool { return len(tn.Events()) > shown })
		if err != nil {
			return
		}
		for _, e := range tn.Events()[shown:] {
			fmt.Fprintf(out, "%s  %-14s  %s\n", e.Time.Format("15:04:05.000"), e.Op, e.Detail)
			shown++
		}
	}
}
