// Command apicontract makes the contract of Tailscale's API (internal/contract) of the OpenAPI document that Tailscale publishes.
//
//	apicontract FILE [PATH|URL]
//
// Without a path or an address it fetches the live document.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"

	"github.com/tailjoin/tailjoin/internal/contract"
)

// live is where Tailscale publishes the document.
const live = "https://api.tailscale.com/api/v2?outputOpenapiSchema=true"

// longest bounds the document; it has about 300 kB.
const longest = 16 << 20

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "api-contract:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 || len(args) > 2 {
		return errors.New("usage: api-contract FILE [PATH|URL]")
	}
	text, err := document(ctx, append(args, live)[1])
	if err != nil {
		return err
	}
	made, err := contract.FromOpenAPI(text)
	if err != nil {
		return err
	}
	encoded, err := made.Encode()
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], encoded, 0o644)
}

func document(ctx context.Context, where string) ([]byte, error) {
	if !strings.HasPrefix(where, "https://") && !strings.HasPrefix(where, "http://") {
		return os.ReadFile(where)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetching %s: %s", where, res.Status)
	}
	return io.ReadAll(io.LimitReader(res.Body, longest))
}
