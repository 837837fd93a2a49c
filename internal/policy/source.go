package policy

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/policyfile"
	"github.com/tailjoin/tailjoin/internal/tree"
)

// DefaultPath is that of tailscale/gitops-acl-action.
const DefaultPath = "./policy.hujson"

// Sources are the policy file, or if path is a folder, its files *.hujson, by
// name. A folder below it must not have such files; what begins with a dot does
// not count.
func Sources(path string) ([]policyfile.Source, error) {
	files, others, err := files(path)
	switch {
	case err != nil:
		return nil, unreadable(path, err)
	case len(files) == 0:
		return nil, diag.Input(fmt.Sprintf("the folder %s has no policy file", path), "of a folder the files *.hujson are taken, none below it; or name one file",
			diag.Fact{Name: "it has", Value: strings.Join(others, ", ")})
	}
	return readAll(files)
}

// existing are the same, and none is no error.
func existing(path string) ([]policyfile.Source, error) {
	files, _, err := files(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, unreadable(path, err)
	}
	return readAll(files)
}

// Ignored are files in a policy folder that look like a part of the policy and
// are not read.
func Ignored(path string) (names []string) {
	_, others, err := files(path)
	for _, name := range others {
		if ext := strings.ToLower(filepath.Ext(name)); err == nil && slices.Contains(likePolicies, ext) && !strings.HasPrefix(name, "version-cache") {
			names = append(names, name)
		}
	}
	return names
}

// likePolicies are the ends of names of files that may be meant as a part of a
// policy.
var likePolicies = []string{".hujson", ".json", ".jsonc", ".json5", ".hjson"}

// files are a policy's files, and the names of what else is in its folder.
func files(path string) (files []tree.File, others []string, err error) {
	at, err := tree.At(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := at.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.IsDir() {
		return []tree.File{at}, nil, nil
	}
	entries, err := at.ReadDir()
	below := &search{left: mostEntries}
	for _, e := range entries {
		switch {
		case below.has(at, e, deepestFolder):
			return nil, nil, fmt.Errorf("the folder %s in it has files *.hujson, too, which would not count: move them, or name one folder", e.Name())
		case isPolicy(e) && !strings.HasPrefix(e.Name(), ".") && !isFolderOf(at, e):
			files = append(files, at.Below(e.Name()))
		default:
			others = append(others, e.Name())
		}
	}
	return files, others, err
}

// A search looks for policy files below a folder, in so many entries at most.
type search struct{ left int }

const (
	mostEntries   = 20_000
	deepestFolder = 20
)

// has reports whether an entry is a folder with files *.hujson, however deep
// below it. A folder that begins with a dot does not count, as a file does not.
func (s *search) has(in tree.File, e fs.DirEntry, deeper int) bool {
	if strings.HasPrefix(e.Name(), ".") || deeper == 0 || !isFolderOf(in, e) {
		return false
	}
	folder := in.Below(e.Name())
	entries, err := folder.ReadDir()
	if s.left -= len(entries); err != nil || s.left < 0 {
		return false
	}
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return isPolicy(e) && !isFolderOf(folder, e) || s.has(folder, e, deeper-1)
	})
}

// isFolderOf reports whether an entry is a folder, or a link to one.
func isFolderOf(in tree.File, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := in.Below(e.Name()).Stat()
	return err == nil && info.IsDir()
}

func isPolicy(e fs.DirEntry) bool { return !e.IsDir() && filepath.Ext(e.Name()) == ".hujson" }

// longest is more than any tailnet may have, and mostFiles more than any folder.
const (
	longest   = 16 << 20
	mostFiles = 1000
)

// readAll reads files that are not longer together than one may be.
func readAll(files []tree.File) (sources []policyfile.Source, err error) {
	if len(files) > mostFiles {
		return nil, diag.Input(fmt.Sprintf("%s has too many files for a policy", filepath.Dir(files[0].Path())), fmt.Sprintf("there may be %d; see that policy-file names the right folder", mostFiles))
	}
	left := longest
	for _, f := range files {
		text, err := f.Read(left)
		if err != nil {
			return nil, unreadable(f.Path(), err)
		}
		left -= len(text)
		sources = append(sources, policyfile.NewSource(filepath.ToSlash(filepath.Clean(f.Path())), text))
	}
	return sources, nil
}

func unreadable(path string, err error) error {
	hint := "see that policy-file is a path from where the step runs, and that the repository is checked out there"
	if errors.Is(err, tree.ErrLeaves) || errors.Is(err, tree.ErrNotFile) || errors.Is(err, tree.ErrTooLong) {
		hint = "a policy file is a regular file of 16 MiB at most, and no link out of the repository. Name the file itself"
	}
	return diag.Input(fmt.Sprintf("the policy file %s cannot be read", path), hint, diag.Fact{Name: "because", Value: err.Error()})
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
