package contract

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// small is an OpenAPI document with every form that Tailscale's has.
const small = `{
	"openapi": "3.1.0", "info": {"title": "A title", "description": "prose"},
	"paths": {
		"/pets/{petId}": {
			"parameters": [{"$ref": "#/components/parameters/petId"}],
			"get": {
				"summary": "prose", "description": "prose",
				"parameters": [{"in": "query", "name": "fields", "description": "prose", "schema": {"type": "string", "enum": ["all", "default"], "example": "all"}}],
				"responses": {"200": {"description": "prose", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}}, "404": {"$ref": "#/components/responses/404"}}
			},
			"put": {
				"requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Change"}}}},
				"responses": {"200": {"description": "prose"}}
			}
		},
		"/pets/-/count": {"get": {"responses": {"200": {"content": {"application/json": {"schema": {"type": ["integer", "null"], "minimum": 0, "maximum": 9}}}}}}},
		"/pets": {
			"get": {
				"parameters": [{"in": "query", "name": "<field>=<value>", "schema": {"type": "string"}}],
				"responses": {"200": {"content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}}}}}}
			},
			"post": {
				"parameters": [{"in": "header", "name": "If-Match", "schema": {"type": "string"}}],
				"requestBody": {"content": {"application/json": {"schema": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "boolean"}}]}}, "text/plain": {"schema": {"type": "string"}}}},
				"responses": {"200": {"content": {}}}
			}
		}
	},
	"components": {
		"parameters": {"petId": {"in": "path", "name": "petId", "required": true, "schema": {"type": "string", "maxLength": 3}}},
		"responses": {"404": {"content": {"application/json": {"schema": {"type": "object", "properties": {"message": {"type": "string"}}}}}}},
		"schemas": {
			"Pet": {"type": "object", "description": "prose", "required": ["id"], "properties": {
				"id": {"type": "string", "pattern": "^p[0-9]$"}, "description": {"type": "string", "description": "prose", "minLength": 1},
				"owner": {"type": "object"}, "closed": {"type": "object", "properties": {"a": {}}, "additionalProperties": false},
				"rules": {"type": "object", "additionalProperties": {"type": "string"}}
			}},
			"Change": {"required": ["by"], "properties": {"by": {"type": "boolean"}}, "allOf": [{"$ref": "#/components/schemas/Pet"}]}
		}
	}
}`

func mustContract(t *testing.T) *Contract {
	t.Helper()
	c, err := FromOpenAPI([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFromOpenAPI_keepsFormsAndNoProse(t *testing.T) {
	encoded, err := mustContract(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"prose", "title", "example", "summary"} {
		if strings.Contains(string(encoded), word) {
			t.Errorf("the contract has the word %q", word)
		}
	}
	again, err := mustContract(t).Encode()
	if d := cmp.Diff(string(encoded), string(again)); err != nil || d != "" {
		t.Errorf("encoding again: %v (-first +second)\n%s", err, d)
	}
	if !strings.Contains(string(encoded), `"description":{"type":"string","minLength":1}`) {
		t.Error("a property that is called description is lost")
	}
}

func TestFromOpenAPI_refusesWhatIsNoDocument(t *testing.T) {
	for _, text := range []string{"", "<html>", "{}", `{"paths": {"/a": {"get": 1}}}`, `{"paths": {"/a": {"parameters": 1}}}`} {
		if _, err := FromOpenAPI([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestFind_prefersWhatIsWrittenOut(t *testing.T) {
	for request, want := range map[string]string{
		"GET /pets": "GET /pets", "GET /pets/p1": "GET /pets/{petId}", "GET /pets/-/count": "GET /pets/-/count",
		"POST /pets/p1": "", "GET /pets/": "", "GET /pets/p1/x": "", "GET /": "",
	} {
		method, path, _ := strings.Cut(request, " ")
		if call, _ := mustContract(t).Find(method, path); call.Name != want {
			t.Errorf("%s: found %q, want %q", request, call.Name, want)
		}
	}
}

func TestCheckRequest(t *testing.T) {
	for name, c := range map[string]struct{ request, header, body, want string }{
		"nothing to say":            {"GET /pets/p1?fields=all", "", "", ""},
		"a query that is not known": {"GET /pets/p1?all=true", "", "", "query parameter all is unknown"},
		"a value that is not known": {"GET /pets/p1?fields=some", "", "", "query parameter fields is none of the values that are listed"},
		"any field as a filter":     {"GET /pets?id=p1", "", "", ""},
		"a long part of the path":   {"GET /pets/p123", "", "", "path parameter petId is longer than 3 characters"},
		"a body":                    {"GET /pets/p1", "", "{}", "request has a body"},
		"no body":                   {"PUT /pets/p1", "", "", "request has no body"},
		"a good change":             {"PUT /pets/p1", "", `{"by": true, "id": "p1"}`, ""},
		"fields that are missing":   {"PUT /pets/p1", "", `{}`, "request.by is missing; request.id is missing"},
		"fields of other types": {"PUT /pets/p1", "", `{"by": "x", "id": 1, "owner": null, "rules": {"a": 1}}`,
			"request.by is string and not boolean; request.id is number and not string; request.owner is null and not object; request.rules.* is number and not string"},
		"a field that is not known": {"PUT /pets/p1", "", `{"by": true, "id": "p1", "age": 3}`, "request.age is unknown"},
		"a closed object":           {"PUT /pets/p1", "", `{"by": true, "id": "p1", "closed": {"b": 1}}`, "request.closed.b is unknown"},
		"an open object":            {"PUT /pets/p1", "", `{"by": true, "id": "p1", "owner": {"b": 1}}`, ""},
		"a form":                    {"PUT /pets/p1", "", `{"by": true, "id": "x"}`, "request.id does not match ^p[0-9]$"},
		"an empty text":             {"PUT /pets/p1", "", `{"by": true, "id": "p1", "description": ""}`, "request.description is shorter than 1 characters"},
		"no JSON":                   {"PUT /pets/p1", "", `{`, "request is not JSON"},
		"one form of two":           {"POST /pets", "", `[true]`, ""},
		"none of two forms":         {"POST /pets", "", `[1]`, "request has none of the forms that are listed"},
		"an optional body":          {"POST /pets", "", "", ""},
		"a header":                  {"POST /pets", "If-Match", `"x"`, ""},
		"a header that is not":      {"GET /pets", "If-Match", "", "header If-Match is unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			method, address, _ := strings.Cut(c.request, " ")
			at, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			call, found := mustContract(t).Find(method, at.Path)
			header := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
			if c.header != "" {
				header.Set(c.header, "x")
			}
			if got := strings.Join(call.CheckRequest(at.Query(), header, []byte(c.body)), "; "); !found || got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestCheckResponse(t *testing.T) {
	for name, c := range map[string]struct {
		request    string
		status     int
		kind, body string
		want       string
	}{
		"good":                  {"GET /pets/p1", 200, "application/json", `{"id": "p1"}`, ""},
		"another status":        {"GET /pets/p1", 403, "application/json", `{}`, "status 403 is unknown"},
		"an error":              {"GET /pets/p1", 404, "application/json", `{"message": "no"}`, ""},
		"an error's other form": {"GET /pets/p1", 404, "application/json", `{"error": "no"}`, "answer 404.error is unknown"},
		"a list":                {"GET /pets", 200, "application/json", `[{"id": "p1"}, {"id": 7}, {}]`, "answer 200[].id is missing; answer 200[].id is number and not string"},
		"another media type":    {"GET /pets", 200, "text/html", `<html>`, "answer 200 has the media type text/html"},
		"a body that is extra":  {"PUT /pets/p1", 200, "application/json", `null`, "answer 200 has a body"},
		"an empty body":         {"PUT /pets/p1", 200, "", "", ""},
		"a number":              {"GET /pets/-/count", 200, "application/json", `7`, ""},
		"null":                  {"GET /pets/-/count", 200, "application/json", `null`, ""},
		"a fraction":            {"GET /pets/-/count", 200, "application/json", `7.5`, "answer 200 is number and not integer or null"},
		"below":                 {"GET /pets/-/count", 200, "application/json", `-1`, "answer 200 is below 0"},
		"above":                 {"GET /pets/-/count", 200, "application/json", `10`, "answer 200 is above 9"},
	} {
		t.Run(name, func(t *testing.T) {
			method, path, _ := strings.Cut(c.request, " ")
			call, found := mustContract(t).Find(method, path)
			got := strings.Join(call.CheckResponse(c.status, http.Header{"Content-Type": {c.kind}}, []byte(c.body)), "; ")
			if !found || got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// What is in the tree is what the generator writes, and the whole API.
func TestPublished_isAsTheGeneratorWritesIt(t *testing.T) {
	encoded, err := Published().Encode()
	if d := cmp.Diff(string(published), string(encoded)); err != nil || d != "" {
		t.Errorf("%v (-api.json +generator)\n%s", err, d)
	}
	if n := len(Published().Operations); n < 90 {
		t.Errorf("it has %d operations", n)
	}
}
