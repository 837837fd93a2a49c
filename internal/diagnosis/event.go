package diagnosis

import (
	"encoding/json"
	"io"
	"os"
	"slices"
)

// longestEvent is more than the description of an event has.
const longestEvent = 8 << 20

// An event is what GitHub tells a job of what triggered it.
type event struct {
	Repository struct {
		DefaultBranch string `json:"default_branch"`
		Fork          bool   `json:"fork"`
	} `json:"repository"`
}

// event is zero where the platform has none.
func (e *Evidence) event() (found event) {
	file, err := os.Open(e.Env("GITHUB_EVENT_PATH"))
	if err != nil {
		return found
	}
	defer file.Close()
	if json.NewDecoder(io.LimitReader(file, longestEvent)).Decode(&found) != nil {
		return event{}
	}
	return found
}

// usual are the default branches of most repositories.
var usual = []string{"main", "master"}

// isDefault reports that a branch is the repository's default branch, or may be.
func (e *Evidence) isDefault(branch string) bool {
	known := e.event().Repository.DefaultBranch
	for _, name := range []string{"CI_DEFAULT_BRANCH", "BUILDKITE_PIPELINE_DEFAULT_BRANCH"} {
		if known == "" {
			known = e.Env(name)
		}
	}
	if known == "" {
		return slices.Contains(usual, branch)
	}
	return branch == known
}
