package trust

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/lazy"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// A Workload is the jobs that are to be let in, in the words of their tokens.
type Workload struct {
	Platform                  string // "github"; "" for tokens of an issuer that is not known
	Name                      string // of the credential, if the user has no better one
	Project                   string // short, with what was said of the jobs; for a spec
	Repository                string // as the tokens name it: OWNER/REPO; "" if they do not
	Where                     Where  // with what was taken where nothing was said
	Issuer, Subject, Audience string // Audience "" is what Tailscale makes up
	Claims                    map[string]string
	Notes                     []string // what the user should know
}

// Where is which of a project's jobs are meant. All empty, they are those on
// the default branch.
type Where struct {
	Branch      string
	GitTag      string
	Environment string
	Claims      []string // NAME=PATTERN, in addition
}

func (w Where) check() error {
	if w.Branch != "" && w.GitTag != "" {
		return diag.Input("a job runs on a branch or on a tag", "give --branch or --git-tag; for both make two trust credentials")
	}
	return nil
}

const (
	branchRef = "refs/heads/"
	tagRef    = "refs/tags/"
)

// ref is the full name of the branch or tag; "" is none.
func (w Where) ref() string {
	switch {
	case w.Branch != "":
		return branchRef + strings.TrimPrefix(w.Branch, branchRef)
	case w.GitTag != "":
		return tagRef + strings.TrimPrefix(w.GitTag, tagRef)
	}
	return ""
}

// short is for a name.
func (w Where) short() string { return cmp.Or(w.Environment, w.Branch, w.GitTag) }

// project is the short name of a project's jobs: those of the default branch,
// which is taken if nothing was said, have that of the project.
func (w Where) project(name string) string { return strings.TrimSpace(name + " " + w.short()) }

// Wish is the credential that lets the workload in. name "" is the workload's.
func (w Workload) Wish(name string, scopes, tags []string, where Where) (Wish, error) {
	wish := Wish{
		Name: cmp.Or(name, w.Name), Kind: tsapi.Federated, Scopes: scopes, Tags: tags,
		Issuer: w.Issuer, Subject: w.Subject, Audience: w.Audience, Claims: where.Claims,
	}
	given, err := wish.Credential()
	if err != nil {
		return wish, err
	}
	for _, path := range slices.Sorted(maps.Keys(w.Claims)) {
		if _, ok := given.Claims[path]; !ok { // the user's own is the one that counts
			wish.Claims = append(wish.Claims, path+"="+w.Claims[path])
		}
	}
	return wish, nil
}

const notInDescriptions lazy.Pattern = `[^A-Za-z0-9]+`

// longestName is the API's limit of a description.
const longestName = 50

// nameOf makes the name of a credential: the same for the same parts. What of
// a long one is cut off, its end stands for.
func nameOf(parts ...string) string {
	whole := strings.Join(parts, " ")
	name := strings.TrimSpace(notInDescriptions.Regexp().ReplaceAllLiteralString(whole, " "))
	if len(name) <= longestName {
		return name
	}
	sum := sha256.Sum256([]byte(whole))
	return strings.TrimSpace(name[:longestName-7]) + " " + hex.EncodeToString(sum[:3])
}

func badProject(given, form string) error {
	return diag.Input(fmt.Sprintf("%q is not what the command takes", given), "write "+form)
}
