package contract

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// CheckRequest returns what the contract does not have of a request with this
// body. A finding names the field and no value, so that it is the same for every
// request with the same fault.
func (c Call) CheckRequest(query url.Values, header http.Header, body []byte) (findings []string) {
	for name, values := range query {
		parameter, known := c.Parameters["query "+name]
		if !known && c.takesAnyQuery() {
			continue
		}
		if !known {
			findings = append(findings, "query parameter "+name+" is unknown")
			continue
		}
		for _, value := range values {
			findings = append(findings, c.contract.checkWord(parameter.Schema, "query parameter "+name, value)...)
		}
	}
	for name, value := range c.values {
		findings = append(findings, c.contract.checkWord(c.Parameters["path "+name].Schema, "path parameter "+name, value)...)
	}
	if _, known := c.Parameters["header If-Match"]; header.Get("If-Match") != "" && !known {
		findings = append(findings, "header If-Match is unknown")
	}
	return sorted(append(findings, c.checkRequestBody(header, body)...))
}

// takesAnyQuery holds for a list that can be filtered by every field: the name of
// such a parameter is a form, <field>=<value>.
func (c Call) takesAnyQuery() bool {
	for name := range c.Parameters {
		if strings.HasPrefix(name, "query <") {
			return true
		}
	}
	return false
}

func (c Call) checkRequestBody(header http.Header, body []byte) []string {
	switch {
	case c.Request == nil && len(body) > 0:
		return []string{"request has a body"}
	case c.Request == nil:
		return nil
	case len(body) == 0 && c.Request.Required:
		return []string{"request has no body"}
	case len(body) == 0:
		return nil
	}
	return c.contract.checkBody(c.Request.Content, "request", header, body)
}

// CheckResponse returns what the contract does not have of an answer.
func (c Call) CheckResponse(status int, header http.Header, body []byte) []string {
	code := strconv.Itoa(status)
	content, known := c.Responses[code]
	switch {
	case !known:
		return []string{"status " + code + " is unknown"}
	case len(body) == 0:
		return nil
	case len(content) == 0:
		return []string{"answer " + code + " has a body"}
	}
	return sorted(c.contract.checkBody(content, "answer "+code, header, body))
}

// checkBody checks a body of one of these media types. Only JSON is looked into.
func (c *Contract) checkBody(content Media, at string, header http.Header, body []byte) []string {
	media, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	schema, known := content[media]
	if !known {
		return []string{at + " has the media type " + media}
	}
	if media != "application/json" {
		return nil
	}
	var value any
	if err := json.Unmarshal(bytes.TrimSpace(body), &value); err != nil {
		return []string{at + " is not JSON"}
	}
	return c.check(schema, at, value)
}

// checkWord checks a parameter, which is text whatever its type.
func (c *Contract) checkWord(s Schema, at, word string) []string {
	var value any = word
	s = c.resolve(s)
	if number, err := strconv.ParseFloat(word, 64); err == nil && (slices.Contains(s.Type, "integer") || slices.Contains(s.Type, "number")) {
		value = number
	}
	if truth, err := strconv.ParseBool(word); err == nil && slices.Contains(s.Type, "boolean") {
		value = truth
	}
	return c.check(s, at, value)
}

// sorted returns each finding once.
func sorted(findings []string) []string {
	slices.Sort(findings)
	return slices.Compact(findings)
}
