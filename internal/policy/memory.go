package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/github"
	"github.com/tailjoin/tailjoin/internal/tree"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// A Last is what is known of the version last applied.
type Last struct {
	ETag  string // "" if none is known
	Where string // where it is kept, for people: "the variable X of acme/web"
}

func (l Last) is(live tsapi.Policy) bool {
	return l.ETag == live.ETag || l.ETag == Version(tsapi.Policy{Text: live.Text})
}

// A Memory keeps the ETag of the version last applied.
type Memory struct {
	Where func() string
	Load  func(context.Context) (etag string, err error) // "" if none was kept so far
	Save  func(ctx context.Context, etag string) error
}

// Nowhere keeps nothing.
func Nowhere() Memory {
	return Memory{
		Where: func() string { return "nowhere" },
		Load:  func(context.Context) (string, error) { return "", nil },
		Save:  func(context.Context, string) error { return nil },
	}
}

// DefaultFile is the cache file of gitops-pusher, whose form InFile has: what
// is there counts.
const DefaultFile = "version-cache.json"

// kept is what such a file holds.
type kept struct{ PrevETag string }

// InFile keeps it in a file. Where that is not kept from job to job, every run
// is a first one.
func InFile(path string) Memory {
	return Memory{
		Where: func() string { return "the file " + path },
		Load: func(context.Context) (string, error) {
			raw, err := readKept(path)
			if errors.Is(err, fs.ErrNotExist) {
				return "", nil
			}
			var k kept
			if err == nil {
				err = json.Unmarshal(raw, &k)
			}
			if err != nil {
				return "", diag.Input(path+" does not hold what was last applied", "name another file by last-applied: file:PATH, or remove this one:\n"+
					"then this run counts as the first", diag.Fact{Name: "because", Value: err.Error()})
			}
			return bare(k.PrevETag), nil
		},
		Save: func(_ context.Context, etag string) error {
			text, err := json.Marshal(kept{etag})
			if err == nil {
				err = write(path, append(text, '\n'))
			}
			return err
		},
	}
}

// longestKept is more than an ETag takes.
const longestKept = 4096

// errCommitted is the error of a file that a pull request could bring, and with it
// what counts as applied.
var errCommitted = errors.New("the file is committed, so that a commit could say which version was applied. Remove it from the repository (git rm --cached) and name it in .gitignore")

func readKept(path string) ([]byte, error) {
	at, err := tree.At(path)
	if err != nil {
		return nil, err
	}
	if at.Committed() {
		return nil, errCommitted
	}
	return at.Read(longestKept)
}

// InVariable keeps it in a variable of GitHub, which workflows can read as
// vars.NAME.
func InVariable(c *github.Client, p github.Place, name string) Memory {
	return Memory{
		Where: func() string { return fmt.Sprintf("the variable %s of %s", name, p) },
		Load: func(ctx context.Context) (string, error) {
			found, err := c.Variables(ctx, p, name)
			for _, v := range found {
				if v.Name == name {
					return bare(v.Value), nil
				}
			}
			return "", err
		},
		Save: func(ctx context.Context, etag string) error {
			return c.SetVariable(ctx, p, github.Variable{Name: name, Value: etag})
		},
	}
}

// bare is an ETag that somebody may have written down with its quotes.
func bare(etag string) string {
	return strings.Trim(strings.TrimPrefix(strings.TrimSpace(etag), "W/"), `"`)
}

// Either is first, unless GitHub refuses that: then it is second, and say is
// told why.
func Either(first, second Memory, say func(why string)) Memory {
	now := first
	instead := func(err error) bool {
		if !refused(err) {
			return false
		}
		say(fmt.Sprintf("what was last applied is kept in %s: %s cannot be used (%v)", second.Where(), first.Where(), errors.Unwrap(diag.As(err))))
		now = second
		return true
	}
	return Memory{
		Where: func() string { return now.Where() },
		Load: func(ctx context.Context) (string, error) {
			etag, err := now.Load(ctx)
			if instead(err) {
				return now.Load(ctx)
			}
			return etag, err
		},
		Save: func(ctx context.Context, etag string) error {
			err := now.Save(ctx, etag)
			if instead(err) {
				return now.Save(ctx, etag)
			}
			return err
		},
	}
}

func refused(err error) bool {
	return github.IsStatus(err, http.StatusUnauthorized) || github.IsStatus(err, http.StatusForbidden) || github.IsStatus(err, http.StatusNotFound)
}
