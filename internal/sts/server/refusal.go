package server

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/tailjoin/tailjoin/internal/sts/policy"
)

// A code says in an answer, in the audit and in the metrics why there is no
// token. Those of tsiam are its own.
type code string

const (
	browser              code = "no_browser"
	nodeIdentity         code = "node_identity"
	rateLimited          code = "rate_limited" // ours
	missingAudience      code = "missing_audience"
	audienceConflict     code = "audience_conflict"
	audienceTooLong      code = "audience_too_long"
	audienceNotAllowed   code = code(policy.NotAllowed)   // by the first layer
	audienceNotPermitted code = code(policy.NotPermitted) // by the second
	unavailable          code = "unavailable"             // ours
	internal             code = "internal"
)

// refusals are how each is answered.
var refusals = map[code]struct {
	status  int
	message string // for the caller
	after   string // Retry-After, in seconds
}{
	browser:              {403, "The header X-Tsiam: 1 is needed, and no header that web browsers set: a page must not get a token of the node that shows it", ""},
	nodeIdentity:         {403, "The tailnet does not know which node asks", ""},
	rateLimited:          {429, "This node asks too often", "1"},
	missingAudience:      {400, "The query parameter 'resource' is missing: whom is the token for?", ""},
	audienceConflict:     {400, "The query parameters 'resource' and 'audience' name two audiences: give one of them", ""},
	audienceTooLong:      {400, "The audience has more than 512 bytes", ""},
	audienceNotAllowed:   {403, "The service's configuration does not allow this audience", ""},
	audienceNotPermitted: {403, "No grant of the tailnet's policy lets this node have tokens for this audience", ""},
	unavailable:          {503, "The signing keys cannot be reached", "5"},
	internal:             {500, "Something failed that the service's log has", ""},
}

// A refusal is a request that gets no token.
type refusal struct {
	code
	inner string // more about it; shown to the caller for a browser only
}

func refuse(c code, inner string) error {
	if _, ok := refusals[c]; !ok {
		c = internal
	}
	return &refusal{c, inner}
}

func (r *refusal) Error() string { return string(r.code) }

// refused answers with an error, in tsiam's form.
func (s *Server) refused(w http.ResponseWriter, _ *http.Request, err error) {
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		r = &refusal{code: internal}
	}
	how := refusals[r.code]
	if how.after != "" {
		w.Header().Set("Retry-After", how.after)
	}
	answer := struct {
		Code    code   `json:"code"`
		Message string `json:"message"`
		Inner   string `json:"innerError,omitempty"`
	}{r.code, how.message, ""}
	if r.code == browser {
		answer.Inner = r.inner
	}
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, how.status, answer)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(raw) // whoever asked may have gone
}
