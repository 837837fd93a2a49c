package policy

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/policyfile"
	"github.com/tailjoin/tailjoin/internal/tree"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// A Pulled is what Pull did.
type Pulled struct {
	Live  tsapi.Policy
	File  string // that was written; "" if it had the live policy already
	Files int    // that there are
}

// Pull writes the live policy into the file, as it is, with its comments. Of a
// folder with several files nobody can say what belongs where: they stay, and
// the error says what to change in which.
func (t *Tailnet) Pull(ctx context.Context, path string) (Pulled, error) {
	live, err := t.live(ctx)
	if err != nil {
		return Pulled{}, ended(ctx, err)
	}
	was, err := Parse([]policyfile.Source{{Name: livePolicy, Text: live.Text}})
	if err != nil {
		return Pulled{}, err
	}
	sources, err := existing(path)
	if err != nil {
		return Pulled{}, err
	}
	done := Pulled{Live: live, Files: len(sources)}
	switch file, err := policyfile.Parse(sources...); {
	case err == nil && isLive(file, live):
		return done, nil
	case len(sources) > 1 && err != nil:
		return done, invalid(err)
	case len(sources) > 1:
		return done, pullsSeveral(path, policyfile.Diff(file, was))
	}
	done.File = into(path, sources)
	text := live.Text
	if len(sources) == 1 {
		text = sources[0].Content(text)
	}
	if err := write(done.File, text); err != nil {
		return Pulled{}, fmt.Errorf("writing the live policy: %w", err)
	}
	return done, nil
}

// into is the file to write.
func into(path string, sources []policyfile.Source) string {
	switch {
	case len(sources) == 1:
		return sources[0].Name
	case isFolder(path):
		return filepath.Join(path, filepath.Base(DefaultPath))
	default:
		return path
	}
}

func isFolder(path string) bool {
	at, err := tree.At(path)
	if err != nil {
		return false
	}
	info, err := at.Stat()
	return err == nil && info.IsDir()
}

// write replaces a file, never by a link that leaves the repository.
func write(path string, content []byte) error {
	at, err := tree.At(path)
	if err != nil {
		return err
	}
	return at.Replace(content)
}

func pullsSeveral(path string, changes []policyfile.Change) error {
	return &diag.Problem{
		Code:    "policy-pull-several",
		Summary: fmt.Sprintf("%s has several files, and the live policy is one", path),
		Facts:   []diag.Fact{{Name: "to change", Value: strings.TrimSpace(policyfile.DiffText(whereTheyAre(changes)))}},
		Hint: "nothing was written. Change the files as the facts say, by hand: then the next apply finds nothing to do. Or have one file:\n" +
			"  tailjoin policy pull --policy-file policy.hujson\nand remove the others",
	}
}

// whereTheyAre has changes name the file that an entry stands in, not the live
// policy, which is none.
func whereTheyAre(changes []policyfile.Change) (moved []policyfile.Change) {
	for _, c := range changes {
		if c.Old != nil && c.New != nil {
			entry := *c.New
			entry.At = c.Old.At
			c.New = &entry
		}
		moved = append(moved, c)
	}
	return moved
}
