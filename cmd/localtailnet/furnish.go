package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/localtailnet/build"
)

// clientID is that of the trust credential which lets the job in. It has the
// form of Tailscale's.
const clientID = "Tlocal-CNTRL"

// furnish gives the tailnet what a dry run needs: a trust credential for the
// job, a peer to reach, and packages if they are wanted.
func furnish(ctx context.Context, tn *localtailnet.Tailnet, f flags) (*localtailnet.Peer, error) {
	tn.AddCredential(localtailnet.Credential{
		ClientID: clientID,
		Scopes:   []string{"auth_keys", "devices:core"},
		Tags:     []string{"tag:ci"},
		Issuer:   tn.IssuerURL,
		Subject:  "repo:acme/web:*",
	})
	if f.tailnet.PackagesDir != "" {
		if err := addPackages(ctx, tn, f.tailnet.PackagesDir); err != nil {
			return nil, fmt.Errorf("adding packages: %w", err)
		}
	}
	return tn.StartPeer(ctx, localtailnet.PeerOptions{ExitNode: f.exitNode})
}

// addPackages builds the daemon and the CLI with all features and serves them.
func addPackages(ctx context.Context, tn *localtailnet.Tailnet, dir string) error {
	daemon, cli, err := build.Full(ctx)
	if err != nil {
		return err
	}
	if err := os.WriteFile(rootKey(dir), tn.Packages().RootKey, 0o644); err != nil {
		return err
	}
	return tn.Packages().Add(localtailnet.Release{Version: build.Version(), Daemon: daemon, CLI: cli})
}

// rootKey is the file with the public key that the packages are signed with.
func rootKey(dir string) string { return filepath.Join(dir, "root.pem") }
