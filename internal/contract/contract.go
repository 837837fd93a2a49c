// Package contract is what Tailscale publishes about its API: which requests
// there are and what their answers look like, without the prose. The local
// tailnet holds its own answers and tailjoin's requests against it.
//
// api.json is generated from Tailscale's OpenAPI document by
// scripts/api-contract.
package contract

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A Contract is the whole API.
type Contract struct {
	Operations map[string]Operation // by method and path, such as "GET /device/{deviceId}"
	Schemas    map[string]Schema    // by the names that references use
}

// An Operation is one kind of request.
type Operation struct {
	Parameters map[string]Parameter `json:"parameters,omitempty"` // by place and name, such as "query fields"
	Request    *Request             `json:"request,omitempty"`    // nil: the request has no body
	Responses  map[string]Media     `json:"responses"`            // by status
}

// A Parameter is a part of the path or the query, or a header.
type Parameter struct {
	Required bool   `json:"required,omitempty"`
	Schema   Schema `json:"schema"`
}

// A Request is the body of a request.
type Request struct {
	Required bool  `json:"required,omitempty"`
	Content  Media `json:"content"`
}

// Media are bodies by their media type. None means that the body is empty.
type Media map[string]Schema

//go:embed api.json
var published []byte

// Published returns the contract of the API that Tailscale publishes.
var Published = sync.OnceValue(func() *Contract {
	var c Contract
	if err := json.Unmarshal(published, &c); err != nil {
		panic("reading api.json: " + err.Error())
	}
	return &c
})

// A Call is a request that the contract has.
type Call struct {
	Operation
	Name     string            // its key in Operations
	values   map[string]string // of the parameters in the path
	contract *Contract
}

// Find returns the operation of a request; path begins behind /api/v2. A part of
// a path that is written out wins over a parameter.
func (c *Contract) Find(method, path string) (call Call, found bool) {
	best := -1
	for name, operation := range c.Operations {
		values, ok := match(name, method+" "+path)
		if literal := strings.Count(name, "/") - len(values); ok && literal > best {
			best = literal
			call = Call{Operation: operation, Name: name, values: values, contract: c}
		}
	}
	return call, best >= 0
}

// match compares an operation's key with a method and a path, part by part.
func match(name, request string) (values map[string]string, ok bool) {
	parts, given := strings.Split(name, "/"), strings.Split(request, "/")
	if len(parts) != len(given) {
		return nil, false
	}
	values = map[string]string{}
	for i, part := range parts {
		switch {
		case strings.HasPrefix(part, "{") && given[i] != "":
			values[strings.Trim(part, "{}")] = given[i]
		case part != given[i]:
			return nil, false
		}
	}
	return values, true
}

// Encode writes the contract with one operation and one schema a line, so that a
// difference shows what has changed.
func (c *Contract) Encode() ([]byte, error) {
	operations, err := lines(c.Operations)
	if err != nil {
		return nil, err
	}
	schemas, err := lines(c.Schemas)
	return fmt.Appendf(nil, "{\"operations\": {\n%s\n}, \"schemas\": {\n%s\n}}\n", operations, schemas), err
}

func lines[T any](table map[string]T) (string, error) {
	var all []string
	for name, entry := range table {
		var b strings.Builder
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(map[string]T{name: entry}); err != nil {
			return "", err
		}
		all = append(all, strings.TrimSuffix(strings.TrimPrefix(b.String(), "{"), "}\n"))
	}
	slices.Sort(all)
	return strings.Join(all, ",\n"), nil
}
