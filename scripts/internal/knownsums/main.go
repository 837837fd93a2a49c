// Command knownsums adds the sums of Tailscale's packages to a table. Each is downloaded, and its signature verified, first.
//
//	knownsums TABLE [VERSION...]
//
// Without a version it is the newest stable one. What the table has already stays as it is; a package that
// changed since is an error.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"path"

	"github.com/tailjoin/tailjoin/internal/tailscaled"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "known-sums:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: known-sums TABLE [VERSION...]")
	}
	scratch, err := os.MkdirTemp("", "known-sums-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	return update(ctx, tailscaled.Install{CacheDir: scratch}, args[0], args[1:])
}

// A table has sums by version and file.
type table map[string]map[string]string

// update adds versions to the table in file, and writes it in one go.
func update(ctx context.Context, in tailscaled.Install, file string, versions []string) error {
	if len(versions) == 0 {
		versions = []string{""}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var sums table
	if err := json.Unmarshal(data, &sums); err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	for _, version := range versions {
		if err := sums.add(ctx, in, version); err != nil {
			return err
		}
	}
	data, err = json.MarshalIndent(sums, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}

func (t table) add(ctx context.Context, in tailscaled.Install, version string) error {
	version, paths, err := in.Published(ctx, version)
	if err != nil {
		return err
	}
	if t[version] == nil {
		t[version] = map[string]string{}
	}
	for _, p := range paths {
		sum, err := in.SignedSum(ctx, p)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		if old := t[version][path.Base(p)]; old != "" && old != sum {
			return fmt.Errorf("%s is %s; the table says %s", p, sum, old)
		}
		t[version][path.Base(p)] = sum
		fmt.Println(sum, path.Base(p))
	}
	return nil
}
