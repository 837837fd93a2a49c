package policy

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/policyfile"
)

// DefaultPath is that of tailscale/gitops-acl-action.
const DefaultPath = "./policy.hujson"

// Sources are the policy file, or if path is a folder, its files *.hujson, by
// name. Nothing below it counts, nor does what begins with a dot.
func Sources(path string) ([]policyfile.Source, error) {
	names, others, err := files(path)
	switch {
	case err != nil:
		return nil, unreadable(path, err)
	case len(names) == 0:
		return nil, diag.Input(fmt.Sprintf("the folder %s has no policy file", path), "of a folder the files *.hujson are taken, none below it; or name one file",
			diag.Fact{Name: "it has", Value: strings.Join(others, ", ")})
	}
	return readAll(names)
}

// existing are the same, and none is no error.
func existing(path string) ([]policyfile.Source, error) {
	names, _, err := files(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, unreadable(path, err)
	}
	return readAll(names)
}

// files are the names of a policy's files, and of what else is in its folder.
func files(path string) (names, others []string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil, nil
	}
	entries, err := os.ReadDir(path) // by name
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".hujson" && !strings.HasPrefix(e.Name(), ".") && !e.IsDir() {
			names = append(names, filepath.Join(path, e.Name()))
		} else {
			others = append(others, e.Name())
		}
	}
	return names, others, err
}

func readAll(names []string) (sources []policyfile.Source, err error) {
	for _, name := range names {
		text, err := read(name)
		if err != nil {
			return nil, unreadable(name, err)
		}
		sources = append(sources, policyfile.Source{Name: filepath.ToSlash(filepath.Clean(name)), Text: text})
	}
	return sources, nil
}

// longest is more than any tailnet may have.
const longest = 16 << 20

func read(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, longest+1))
	if err == nil && len(text) > longest {
		err = errors.New("it is too long for a policy")
	}
	return text, err
}

func unreadable(path string, err error) error {
	return diag.Input(fmt.Sprintf("the policy file %s cannot be read", path), "see that policy-file is a path from where the step runs, and that the repository is checked out there",
		diag.Fact{Name: "because", Value: err.Error()})
}

// Parse joins the files of a policy to one.
func Parse(sources []policyfile.Source) (*policyfile.File, error) {
	file, err := policyfile.Parse(sources...)
	if err != nil {
		return nil, invalid(err)
	}
	return file, nil
}

// invalid is the problem with a text that is no policy. Nobody was asked about
// it.
func invalid(err error) error {
	bad, ok := errors.AsType[*policyfile.Error](err)
	if !ok {
		return err
	}
	p := &diag.Problem{
		Code: "policy-invalid", Input: true,
		Summary: fmt.Sprintf("%s is no policy file", cmp.Or(bad.At.File, "this")),
		Places:  []diag.Place{place(bad.At, bad.Problem)},
		Hint:    "nothing was sent. HuJSON is JSON in which comments and a comma at the end are allowed",
	}
	if bad.Also.File != "" {
		p.Places = append(p.Places, place(bad.Also, "the other one"))
		p.Hint = "nothing was sent. Keep one of them, or give both the same value"
	}
	return p
}

func place(at policyfile.Position, text string) diag.Place {
	return diag.Place{File: at.File, Line: at.Line, Column: at.Column, Text: text}
}
