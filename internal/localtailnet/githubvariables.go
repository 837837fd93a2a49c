package localtailnet

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A githubVariable is one, as the API gives it.
type githubVariable struct {
	Name       string `json:"name"`
	Value      string `json:"value"`
	CreatedAt  string `json:"created_at"`
	UpdatedAt  string `json:"updated_at"`
	Visibility string `json:"visibility,omitempty"` // of an organisation's

	selected []int64
}

// A githubChange is the body of a creation or an update: what is not in it
// stays as it is.
type githubChange struct {
	Name       *string  `json:"name"`
	Value      *string  `json:"value"`
	Visibility *string  `json:"visibility"`
	Selected   *[]int64 `json:"selected_repository_ids"`
}

// Source: https://docs.github.com/rest/actions/variables.
func (g *GitHub) mountVariables() {
	for _, base := range []string{
		"/orgs/{org}/actions/variables",
		"/repos/{owner}/{repo}/actions/variables",
		"/repos/{owner}/{repo}/environments/{environment}/variables",
	} {
		g.mux.HandleFunc("GET "+base, g.inPlace(listGitHubVariables))
		g.mux.HandleFunc("POST "+base, g.inPlace(createGitHubVariable))
		g.mux.HandleFunc("GET "+base+"/{name}", g.inPlace(getGitHubVariable))
		g.mux.HandleFunc("PATCH "+base+"/{name}", g.inPlace(updateGitHubVariable))
		g.mux.HandleFunc("DELETE "+base+"/{name}", g.inPlace(deleteGitHubVariable))
	}
}

// inPlace finds the place that a request is about.
func (g *GitHub) inPlace(serve func(http.ResponseWriter, *http.Request, *githubPlace)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		path := "repos/" + r.PathValue("owner") + "/" + r.PathValue("repo")
		if org := r.PathValue("org"); org != "" {
			path = "orgs/" + org
		} else if environment := r.PathValue("environment"); environment != "" {
			path += "/environments/" + environment
		}
		place := g.places[path]
		if place == nil {
			notFoundAtGitHub(w)
			return
		}
		serve(w, r, place)
	}
}

// find is the index of the variable that a path names: names know no case.
func (p *githubPlace) find(name string) int {
	return slices.IndexFunc(p.variables, func(v githubVariable) bool { return v.Name == strings.ToUpper(name) })
}

func listGitHubVariables(w http.ResponseWriter, r *http.Request, p *githubPlace) {
	size, page := number(r, "per_page", 10), number(r, "page", 1)
	size = min(size, 30) // more is not refused, and not given
	from := min((page-1)*size, len(p.variables))
	to := min(from+size, len(p.variables))
	if to < len(p.variables) {
		last := (len(p.variables) + size - 1) / size
		w.Header().Set("Link", fmt.Sprintf(`<%s>; rel="next", <%s>; rel="last"`, pageOf(r, page+1), pageOf(r, last)))
	}
	writeJSON(w, http.StatusOK, map[string]any{"total_count": len(p.variables), "variables": p.variables[from:to]})
}

func number(r *http.Request, name string, otherwise int) int {
	if n, err := strconv.Atoi(r.URL.Query().Get(name)); err == nil && n > 0 {
		return n
	}
	return otherwise
}

func pageOf(r *http.Request, page int) string {
	query := r.URL.Query()
	query.Set("page", strconv.Itoa(page))
	return (&url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path, RawQuery: query.Encode()}).String()
}

func getGitHubVariable(w http.ResponseWriter, r *http.Request, p *githubPlace) {
	if i := p.find(r.PathValue("name")); i >= 0 {
		writeJSON(w, http.StatusOK, p.variables[i])
		return
	}
	notFoundAtGitHub(w)
}

func createGitHubVariable(w http.ResponseWriter, r *http.Request, p *githubPlace) {
	change, ok := readGitHubChange(w, r)
	switch {
	case !ok:
	case change.Name == nil || change.Value == nil || r.PathValue("org") != "" && change.Visibility == nil:
		refuseAtGitHub(w, http.StatusUnprocessableEntity, "Invalid request.\n\nFor 'links/0/schema', nil is not an object.")
	case p.find(*change.Name) >= 0:
		refuseAtGitHub(w, http.StatusConflict, "Already exists - Variable already exists")
	default:
		p.add(change)
		writeJSON(w, http.StatusCreated, struct{}{})
	}
}

func (p *githubPlace) add(change githubChange) {
	v := githubVariable{CreatedAt: time.Now().UTC().Format(time.RFC3339)}
	v.take(change)
	p.variables = append(p.variables, v)
	slices.SortFunc(p.variables, func(a, b githubVariable) int { return strings.Compare(a.Name, b.Name) })
}

func updateGitHubVariable(w http.ResponseWriter, r *http.Request, p *githubPlace) {
	change, ok := readGitHubChange(w, r)
	if !ok {
		return
	}
	i := p.find(r.PathValue("name"))
	if i < 0 {
		notFoundAtGitHub(w)
		return
	}
	p.variables[i].take(change)
	w.WriteHeader(http.StatusNoContent)
}

func deleteGitHubVariable(w http.ResponseWriter, r *http.Request, p *githubPlace) {
	i := p.find(r.PathValue("name"))
	if i < 0 {
		notFoundAtGitHub(w)
		return
	}
	p.variables = slices.Delete(p.variables, i, i+1)
	w.WriteHeader(http.StatusNoContent)
}

var githubName = regexp.MustCompile(`(?i)^[a-z_][a-z0-9_]*$`)

// readGitHubChange refuses what GitHub does: names, lengths and visibilities.
func readGitHubChange(w http.ResponseWriter, r *http.Request) (c githubChange, ok bool) {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		refuseAtGitHub(w, http.StatusBadRequest, "Problems parsing JSON")
		return c, false
	}
	for _, check := range []struct {
		bad     bool
		message string
	}{
		{c.Name != nil && (!githubName.MatchString(*c.Name) || strings.HasPrefix(strings.ToUpper(*c.Name), "GITHUB_")), "Variable name is invalid"},
		{c.Value != nil && len(*c.Value) > 48<<10, "Variable value is too large. The maximum size is 48 KB"},
		{c.Visibility != nil && !slices.Contains([]string{"all", "private", "selected"}, *c.Visibility), "Visibility is invalid"},
		{c.Visibility != nil && r.PathValue("org") == "", "Visibility is for organizations"},
		{c.Selected != nil && (c.Visibility == nil || *c.Visibility != "selected"), "selected_repository_ids needs the visibility selected"},
	} {
		if check.bad {
			refuseAtGitHub(w, http.StatusUnprocessableEntity, check.message)
			return c, false
		}
	}
	return c, true
}

func (v *githubVariable) take(c githubChange) {
	if c.Name != nil {
		v.Name = strings.ToUpper(*c.Name)
	}
	if c.Value != nil {
		v.Value = *c.Value
	}
	if c.Visibility != nil {
		v.Visibility = *c.Visibility
	}
	if c.Selected != nil {
		v.selected = *c.Selected
	}
	v.UpdatedAt = time.Now().UTC().Format(time.RFC3339)
}

// Variables are those of a place such as "orgs/acme" or "repos/acme/web", by
// name.
func (g *GitHub) Variables(place string) map[string]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	values := map[string]string{}
	for _, v := range g.places[place].variables {
		values[v.Name] = v.Value
	}
	return values
}

// Sight is who sees a variable of an organisation: its visibility, and the
// repositories that were selected.
func (g *GitHub) Sight(org, name string) (visibility string, selected []int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	place := g.places["orgs/"+org]
	v := place.variables[place.find(name)]
	return v.Visibility, v.selected
}

// SetVariable makes or changes a variable of a place.
func (g *GitHub) SetVariable(place, name, value string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.places[place]
	if i := p.find(name); i >= 0 {
		p.variables[i].Value = value
		return
	}
	p.add(githubChange{Name: &name, Value: &value})
}
