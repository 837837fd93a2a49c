// Command sh runs a script on Windows, as Git's sh does where that differs from others: $0 is the name that it was called by, and
// pwd -W is the directory with slashes.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

func main() {
	err := run(os.Args[1], os.Args[2:])
	if status, ok := errors.AsType[interp.ExitStatus](err); ok {
		os.Exit(int(status))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sh:", err)
		os.Exit(126)
	}
}

func run(name string, args []string) error {
	script, err := os.Open(name)
	if err != nil {
		return err
	}
	defer script.Close()
	program, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(script, name)
	if err != nil {
		return err
	}
	runner, err := interp.New(interp.StdIO(os.Stdin, os.Stdout, os.Stderr), interp.CallHandler(call), interp.Params(append([]string{"--"}, args...)...))
	if err != nil {
		return err
	}
	return runner.Run(context.Background(), program)
}

func call(ctx context.Context, words []string) ([]string, error) {
	if len(words) == 2 && words[0] == "pwd" && words[1] == "-W" {
		return []string{"echo", filepath.ToSlash(interp.HandlerCtx(ctx).Dir)}, nil
	}
	return words, nil
}
