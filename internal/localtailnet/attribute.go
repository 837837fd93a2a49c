package localtailnet

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// An attribute is a custom posture attribute, set through the API. Its value is a
// string, a float64 or a bool.
type attribute struct {
	value  any
	expiry time.Time // zero: it does not expire
}

// The limits of custom attributes.
// Source: Tailscale's OpenAPI document, POST /device/{deviceId}/attributes/{attributeKey}.
const (
	customNamespace    = "custom:"
	longestAttribute   = 128
	longestTextValue   = 50
	largestNumberValue = 1<<53 - 1
)

var (
	attributeForm = regexp.MustCompile(`^[a-zA-Z0-9_:]+$`)
	textValueForm = regexp.MustCompile(`^[a-zA-Z0-9_.]*$`)
)

// SetAttribute sets a posture attribute of the node with this stable id.
func (t *Tailnet) SetAttribute(id, key string, value any) (err error) {
	t.state.change(func() {
		n := t.state.node(func(n *node) bool { return string(n.StableID) == id })
		if n == nil {
			err = fmt.Errorf("node %s not found", id)
			return
		}
		err = t.state.setAttribute(n, key, attribute{value: value})
	})
	return err
}

// setAttribute sets a custom attribute; its value is as encoding/json has it.
func (s *state) setAttribute(n *node, key string, a attribute) error {
	if err := s.checkAttribute(key, a.value); err != nil {
		return err
	}
	if n.attributes == nil {
		n.attributes = map[string]attribute{}
	}
	n.attributes[key] = a
	return nil
}

// checkAttribute says why an attribute cannot be set in this tailnet: keys that
// differ in case alone are one key, and all its values have one type.
func (s *state) checkAttribute(key string, value any) error {
	if err := checkAttribute(key, value); err != nil {
		return err
	}
	for _, n := range s.nodes {
		for held, a := range n.attributes {
			switch {
			case held != key && strings.EqualFold(held, key):
				return fmt.Errorf("attribute key %q is already there as %q", key, held)
			case held == key && reflect.TypeOf(a.value) != reflect.TypeOf(value):
				return fmt.Errorf("value of %q must be of the same type as in the rest of the tailnet", key)
			}
		}
	}
	return nil
}

func checkAttribute(key string, value any) error {
	switch {
	case !strings.HasPrefix(key, customNamespace) || key == customNamespace:
		return fmt.Errorf("attribute key %q must begin with %q", key, customNamespace)
	case len(key) > longestAttribute:
		return fmt.Errorf("attribute key %q is longer than %d characters", key, longestAttribute)
	case !attributeForm.MatchString(key):
		return fmt.Errorf("attribute key %q must have letters, numbers, underscores and colons only", key)
	}
	switch v := value.(type) {
	case bool:
		return nil
	case string:
		if len(v) > longestTextValue || !textValueForm.MatchString(v) {
			return fmt.Errorf("value of %q must be at most %d letters, numbers, underscores and periods", key, longestTextValue)
		}
		return nil
	case float64:
		if v != float64(int64(v)) || v < -largestNumberValue || v > largestNumberValue {
			return fmt.Errorf("value of %q must be an integer of at most 2^53-1", key)
		}
		return nil
	}
	return fmt.Errorf("value of %q must be a string, a number or a boolean", key)
}

// attributesAt returns all posture attributes of a node: those its client reports
// and the custom ones that have not expired.
func (n *node) attributesAt(now time.Time) map[string]any {
	all := n.ownAttributes()
	for key, a := range n.attributes {
		if a.expiry.IsZero() || now.Before(a.expiry) {
			all[key] = a.value
		}
	}
	return all
}

// ownAttributes returns the attributes in the namespace node. What the client does
// not report is not set.
func (n *node) ownAttributes() map[string]any {
	all := map[string]any{}
	if !n.Hostinfo.Valid() {
		return all
	}
	version, _, _ := strings.Cut(n.Hostinfo.IPNVersion(), "-")
	set := func(key, value string) {
		if value != "" {
			all[key] = value
		}
	}
	set("node:os", strings.ToLower(n.Hostinfo.OS()))
	set("node:osVersion", n.Hostinfo.OSVersion())
	set("node:tsVersion", version)
	set("node:tsReleaseTrack", releaseTrack(version))
	all["node:tsAutoUpdate"] = n.Hostinfo.AllowsUpdate()
	return all
}

// releaseTrack tells a version with an even minor number from one with an odd
// one.
func releaseTrack(version string) string {
	parts := strings.Split(version, ".")
	if len(parts) < 2 {
		return ""
	}
	minor, err := strconv.Atoi(parts[1])
	switch {
	case err != nil:
		return ""
	case minor%2 == 0:
		return "stable"
	}
	return "unstable"
}
