package localtailnet

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/tailscale/hujson"
)

// A document is an answer that has more than JSON: a policy file, its ETag.
type document struct {
	contentType, etag string
	body              []byte
}

func (d document) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", d.contentType)
	w.Header().Set("ETag", `"`+d.etag+`"`)
	w.Write(d.body)
}

// document is p as the request would like it: HuJSON, unless it says JSON.
func (p policy) document(r *http.Request) (any, error) {
	d := document{"application/hujson", p.etag, p.text}
	var err error
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		d.contentType = "application/json"
		d.body, err = standardJSON(p.text)
	}
	return d, err
}

// getPolicy answers with the policy file; with ?details=1 with it in base64,
// and what is to be said about it.
func (t *Tailnet) getPolicy(r *http.Request, _ *accessToken) (any, error) {
	var p policy
	var warnings []testFailure
	t.state.read(func() {
		p = t.state.policy
		warnings = append(p.warnings(), t.unknownPeople(p)...)
	})
	if details := r.FormValue("details"); details == "" || details == "0" || details == "false" {
		return p.document(r)
	}
	body, err := json.Marshal(policyDetails{ACL: p.text, Warnings: lines(warnings)})
	return document{"application/json", p.etag, body}, err
}

type policyDetails struct {
	ACL      []byte   `json:"acl"`
	Warnings []string `json:"warnings"`
	Errors   []string `json:"errors"`
}

// setPolicy answers with the file as it is kept. An empty body resets the policy
// to the policy of a new tailnet: terraform-provider-tailscale relies on it when it
// destroys a tailscale_acl.
func (t *Tailnet) setPolicy(r *http.Request, _ *accessToken) (any, error) {
	text, err := readText(r)
	if err != nil {
		return nil, err
	}
	p, err := t.setPolicyIf(text, r.Header.Get("If-Match"))
	if err != nil {
		t.event(OpPolicy, refusalOf(err).status, "%v", err)
		return nil, err
	}
	return p.document(r)
}

// validatePolicy checks a whole policy file, or runs an array of tests against
// the file that is held. Either way the status is 200 and what is wrong is in
// the message, unless the body is no HuJSON at all. An empty body is for the file
// that is held.
func (t *Tailnet) validatePolicy(r *http.Request, _ *accessToken) (any, error) {
	text, err := readText(r)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(text)) == 0 {
		text = []byte(t.Policy())
	}
	reader := &policyReader{text: text}
	validate := t.validateFile
	if v := reader.parse(); reader.err == nil && v.Value.Kind() == '[' {
		validate = t.validateTests
	}
	if reader.err != nil {
		return nil, reader.err
	}
	err = validate(text)
	if err == nil {
		return struct{}{}, nil
	}
	t.event(OpPolicy, http.StatusOK, "not valid: %v", err)
	return refusalOf(err), nil
}

func (t *Tailnet) validateFile(text []byte) error {
	p, err := newPolicy(text, t.userDomains()...)
	if err != nil {
		return err
	}
	t.state.read(func() { err = t.apply(p.policyFile).test() })
	if warnings := p.warnings(); err == nil && len(warnings) > 0 {
		return policyError{badPolicy("warning(s) found"), warnings}
	}
	return err
}

func (t *Tailnet) validateTests(text []byte) (err error) {
	r := &policyReader{text: text}
	t.state.read(func() {
		asked := *t.state.policy.policyFile
		asked.tests, asked.sshTests = nil, nil
		r.list(r.parse(), func(v hujson.Value) { asked.tests = append(asked.tests, r.aclTest(v)) })
		if err = r.err; err == nil {
			err = t.apply(&asked).test()
		}
	})
	return err
}

func readText(r *http.Request) ([]byte, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, badPolicy("reading the request: " + err.Error())
	}
	return text, nil
}
