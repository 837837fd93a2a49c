package idtoken_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
	"github.com/tailjoin/tailjoin/internal/idtoken"
)

// docs/errors.md shows the problems of this package as they are rendered here.
func TestErrorsPage_showsWhatIsRendered(t *testing.T) {
	_, permission := get(t, env(map[string]string{"GITHUB_ACTIONS": "true"}), "aud")
	_, fork := get(t, env(map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": pullRequestFrom(t, "mallory/web")}), "aud")
	_, noCI := idtoken.Detect(env(nil))
	_, refused := get(t, job(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }), "aud")
	diagtest.Samples(t, "idtoken", permission, fork, noCI, refused)
}

// pullRequestFrom is the path of an event: a pull request to acme/web.
func pullRequestFrom(t *testing.T, head string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "event.json")
	body := `{"pull_request":{"head":{"repo":{"full_name":"` + head + `"}},"base":{"repo":{"full_name":"acme/web"}}}}`
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
