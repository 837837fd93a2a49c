package idtoken

import (
	"github.com/tailjoin/tailjoin/internal/diag"
)

// noToken says that no token can be had from a source that was detected or
// chosen.
func noToken(summary, hint string, err error, facts ...diag.Fact) *diag.Problem {
	return &diag.Problem{Code: "no-id-token", Summary: summary, Hint: hint, Err: err, Facts: facts}
}

// needs makes the check of a source that cannot do without some variables.
func needs(hint string, names ...string) func(job) *diag.Problem {
	return func(j job) *diag.Problem {
		var facts []diag.Fact
		lacking := false
		for _, name := range names {
			facts = append(facts, diag.Fact{Name: name, Value: isSet(j.Env(name))})
			lacking = lacking || j.Env(name) == ""
		}
		if !lacking {
			return nil
		}
		return noToken("this job has no ID token, and may not ask for one", hint, nil, facts...)
	}
}

func isSet(value string) string {
	if value == "" {
		return "not set"
	}
	return "set"
}

// has makes the detection by variables of which one is enough.
func has(names ...string) func(Env) bool {
	return func(env Env) bool {
		for _, name := range names {
			if env(name) != "" {
				return true
			}
		}
		return false
	}
}

// value makes the reading of the first of some variables that is set.
func value(names ...string) func(job) (string, error) {
	return func(j job) (string, error) {
		for _, name := range names {
			if token := j.Env(name); token != "" {
				return token, nil
			}
		}
		return "", nil
	}
}

// none is the check of a source of which only the network tells more.
func none(job) *diag.Problem { return nil }
