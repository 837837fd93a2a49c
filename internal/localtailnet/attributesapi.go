package localtailnet

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// longestComment bounds the reason that is given for setting attributes, in
// characters.
const longestComment = 200

// An attributeRequest sets a posture attribute of a node.
type attributeRequest struct {
	Value   any       `json:"value"`
	Expiry  time.Time `json:"expiry"`
	Comment string    `json:"comment"`
}

// apiAttributes are all posture attributes of a node as the API shows them.
type apiAttributes struct {
	Attributes map[string]any       `json:"attributes"`
	Expiries   map[string]time.Time `json:"expiries,omitempty"`
}

func (n *node) apiAttributes(now time.Time) apiAttributes {
	shown := apiAttributes{Attributes: n.attributesAt(now), Expiries: map[string]time.Time{}}
	for key, a := range n.attributes {
		if now.Before(a.expiry) {
			shown.Expiries[key] = a.expiry
		}
	}
	return shown
}

func (t *Tailnet) getAttributes(r *http.Request, _ *accessToken) (v any, err error) {
	t.state.read(func() {
		var n *node
		if n, err = t.state.device(r); err == nil {
			v = n.apiAttributes(time.Now())
		}
	})
	return v, err
}

func (t *Tailnet) setAttributeOf(r *http.Request, _ *accessToken) (v any, err error) {
	var req attributeRequest
	if err := readStrictly(r, &req); err != nil {
		return nil, err
	}
	if err := checkComment(req.Comment); err != nil {
		return nil, err
	}
	err = t.changeDevice(r, func(n *node) error {
		if err := t.state.setAttribute(n, r.PathValue("key"), attribute{req.Value, req.Expiry}); err != nil {
			return apiError{http.StatusBadRequest, err.Error()}
		}
		v = n.apiAttributes(time.Now())
		return nil
	})
	return v, err
}

// deleteAttribute is no error for an attribute that is not set.
func (t *Tailnet) deleteAttribute(r *http.Request, _ *accessToken) (any, error) {
	return nil, t.changeDevice(r, func(n *node) error {
		key := r.PathValue("key")
		if !strings.HasPrefix(key, customNamespace) {
			return apiError{http.StatusBadRequest, fmt.Sprintf("attribute key %q must begin with %q", key, customNamespace)}
		}
		delete(n.attributes, key)
		return nil
	})
}

// patchAttributes changes attributes of several nodes, all or none: null deletes
// one (RFC 7396).
func (t *Tailnet) patchAttributes(r *http.Request, _ *accessToken) (any, error) {
	var req struct {
		Nodes   map[string]map[string]*attributeRequest `json:"nodes"`
		Comment string                                  `json:"comment"`
	}
	if err := readStrictly(r, &req); err != nil {
		return nil, err
	}
	err := checkComment(req.Comment)
	t.state.change(func() {
		for id, changes := range req.Nodes {
			if err == nil {
				err = t.state.checkPatch(id, changes)
			}
		}
		if err != nil {
			return
		}
		for id, changes := range req.Nodes {
			t.state.patch(t.state.deviceByID(id), changes)
		}
	})
	return json.RawMessage("null"), err
}

func (s *state) checkPatch(id string, changes map[string]*attributeRequest) error {
	n := s.deviceByID(id)
	if n == nil {
		return apiError{http.StatusBadRequest, fmt.Sprintf("device %q not found", id)}
	}
	for key, change := range changes {
		if change == nil {
			continue
		}
		if err := s.checkAttribute(key, change.Value); err != nil {
			return apiError{http.StatusBadRequest, err.Error()}
		}
	}
	return nil
}

func (s *state) patch(n *node, changes map[string]*attributeRequest) {
	for key, change := range changes {
		if change == nil {
			delete(n.attributes, key)
			continue
		}
		s.setAttribute(n, key, attribute{change.Value, change.Expiry}) // checked before
	}
}

func checkComment(comment string) error {
	if utf8.RuneCountInString(comment) > longestComment {
		return apiError{http.StatusBadRequest, fmt.Sprintf("comment must have at most %d characters", longestComment)}
	}
	return nil
}

// readStrictly decodes a body that must have no other fields than v.
func readStrictly(r *http.Request, v any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return apiError{http.StatusBadRequest, "decoding the request: " + err.Error()}
	}
	return nil
}
