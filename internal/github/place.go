package github

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/lazy"
)

// A Place is where variables are kept: an organisation, a repository, or an
// environment of a repository.
type Place struct {
	Org         string // or
	Owner, Repo string
	Environment string // of the repository; mostly ""
}

// names are those of owners and repositories.
const names lazy.Pattern = `^[A-Za-z0-9_][A-Za-z0-9_.-]*$`

// InOrg is an organisation.
func InOrg(org string) (Place, error) {
	if !names.Matches(org) {
		return Place{}, diag.Input(fmt.Sprintf("%q is not the name of an organisation", org), "write it as in https://github.com/ORG")
	}
	return Place{Org: org}, nil
}

// InRepo is a repository, OWNER/REPO, or an environment of it.
func InRepo(repository, environment string) (Place, error) {
	owner, repo, ok := strings.Cut(repository, "/")
	if !ok || !names.Matches(owner) || !names.Matches(repo) {
		return Place{}, diag.Input(fmt.Sprintf("%q is not a repository", repository), "write OWNER/REPO")
	}
	return Place{Owner: owner, Repo: repo, Environment: environment}, nil
}

func (p Place) String() string {
	switch {
	case p.Org != "":
		return "the organisation " + p.Org
	case p.Environment != "":
		return fmt.Sprintf("the environment %s of %s/%s", p.Environment, p.Owner, p.Repo)
	default:
		return p.Owner + "/" + p.Repo
	}
}

// environment is as it stands in a path: go-github escapes nothing.
func (p Place) environment() string { return url.PathEscape(p.Environment) }
