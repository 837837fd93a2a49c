package policy

import (
	"bytes"
	"fmt"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/policyfile"
)

// Format writes the files of a policy as Tailscale's admin console does, each
// for itself, and returns those that it changed. With check it changes none,
// and those are an error. A file whose lines end with CRLF keeps that: git wrote
// it so for Windows.
func Format(path string, check bool) (changed []string, err error) {
	sources, err := Sources(path)
	if err != nil {
		return nil, err
	}
	formatted := map[string][]byte{}
	var places []diag.Place
	for _, s := range sources {
		text, err := policyfile.Format(s)
		if err != nil {
			return nil, invalid(err)
		}
		if bytes.Equal(text, s.Text) && s.Ends != policyfile.Mixed {
			continue
		}
		changed, formatted[s.Name] = append(changed, s.Name), s.Content(text)
		places = append(places, unformatted(s, text))
	}
	if check && len(changed) > 0 {
		return changed, notFormatted(path, places)
	}
	for _, name := range changed {
		if err := write(name, formatted[name]); err != nil {
			return nil, fmt.Errorf("formatting %s: %w", name, err)
		}
	}
	return changed, nil
}

// unformatted says where a file is not formatted.
func unformatted(s policyfile.Source, formatted []byte) diag.Place {
	if bytes.Equal(formatted, s.Text) {
		return diag.Place{File: s.Name, Text: "some lines end with CRLF, others with LF"}
	}
	return diag.Place{File: s.Name, Line: firstDifference(s.Text, formatted), Text: "not formatted"}
}

// firstDifference is the line where one text becomes another.
func firstDifference(a, b []byte) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return bytes.Count(a[:n], []byte("\n")) + 1
}

func notFormatted(path string, places []diag.Place) error {
	return &diag.Problem{
		Code: "policy-not-formatted", Summary: "the policy file is not formatted as Tailscale does it", Places: places,
		Hint: "run tailjoin policy format --policy-file " + path,
	}
}
