package specs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/spec"
	"github.com/tailjoin/tailjoin/internal/tree"
)

// DefaultFile is the spec file of a repository.
const DefaultFile = ".tailjoin.hujson"

// File is a spec file. One that is not there has no specs, and is made.
func File(path string) Store {
	f := file(path)
	return Store{
		Where: f.where(),
		missing: func() bool {
			at, err := tree.At(path)
			if err == nil {
				_, err = at.Stat()
			}
			return errors.Is(err, fs.ErrNotExist)
		},
		List: func(context.Context) (Listing, error) {
			_, set, err := f.read()
			return Listing{Specs: set}, err
		},
		put: func(_ context.Context, name string, s spec.Spec) error {
			raw, _, err := f.read()
			if err != nil {
				return err
			}
			changed, err := spec.Put(raw, name, s)
			if err != nil {
				return err
			}
			return f.replace(changed)
		},
		remove: func(_ context.Context, name string) (bool, error) {
			raw, set, err := f.read()
			if _, found := set[name]; err != nil || !found {
				return false, err
			}
			changed, err := spec.Remove(raw, name)
			if err != nil {
				return true, err
			}
			return true, f.replace(changed)
		},
	}
}

// a file is the path of one.
type file string

func (f file) where() string { return "the file " + string(f) }

// longestFile is more than anybody writes.
const longestFile = 1 << 20

func (f file) read() ([]byte, spec.Set, error) {
	at, err := tree.At(string(f))
	if err != nil {
		return nil, nil, err
	}
	raw, err := at.Read(longestFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, spec.Set{}, nil
	case errors.Is(err, tree.ErrTooLong):
		return nil, nil, diag.Input(f.where()+" is too long for specs", "see that spec-file names the right file")
	case err != nil:
		return nil, nil, diag.Input(f.where()+" cannot be read", "a spec file is a regular file that this user may read, and no link out of the repository",
			diag.Fact{Name: "because", Value: err.Error()})
	}
	set, err := spec.ReadFile(string(f), raw)
	return raw, set, err
}

func (f file) replace(content []byte) error {
	at, err := tree.At(string(f))
	if err == nil {
		err = at.Replace(content)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", f.where(), err)
	}
	return nil
}
