package namespace

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/retry"
)

// An Error is a refusal.
type Error struct {
	Status  int
	Code    string // of gRPC, as Connect writes it: "permission_denied"; "" if there is none
	Message string // Namespace's own words
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))
	for _, more := range []string{e.Code, e.Message} {
		if more != "" {
			text += ": " + more
		}
	}
	return text
}

// codes are those of gRPC that are told apart here.
var codes = map[string]string{"7": "permission_denied", "9": "failed_precondition", "10": "aborted", "16": "unauthenticated"}

// readError reads a refusal: a google.rpc.Status in JSON, whose code may be a
// word or a number, or gRPC's own headers. nil is none.
func readError(res *http.Response, body []byte) *Error {
	status := res.Header.Get("Grpc-Status")
	if res.StatusCode/100 == 2 && (status == "" || status == "0") {
		return nil
	}
	e := &Error{Status: res.StatusCode, Code: status, Message: res.Header.Get("Grpc-Message")}
	var answer struct {
		Code    any    `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &answer) == nil && answer.Code != nil {
		e.Code, e.Message = strings.ToLower(fmt.Sprint(answer.Code)), answer.Message
	}
	if word, ok := codes[e.Code]; ok {
		e.Code = word
	}
	return e
}

// isConflict reports that somebody else changed the workspace since it was
// read.
func isConflict(err error) bool {
	refused, ok := errors.AsType[*Error](err)
	return ok && (refused.Code == "aborted" || refused.Code == "failed_precondition" ||
		refused.Status == http.StatusConflict || refused.Status == http.StatusPreconditionFailed)
}

// explain says what can be done about a failure. nil stays nil.
func explain(method string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("calling Namespace's %s: %w", method, err)
	refused, isRefusal := errors.AsType[*Error](err)
	_, later := errors.AsType[*retry.Later](err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	switch {
	case untrusted:
		return &diag.Problem{Code: "not-trusted", Summary: "this machine does not trust the certificate of Namespace's API", Err: err,
			Hint: "if a proxy looks into TLS here, add its root certificate to this machine, or name it in the variable SSL_CERT_FILE"}
	case later:
		return &diag.Problem{Code: "not-answering", Summary: "Namespace's API keeps failing", Err: err,
			Hint: "see whether this machine reaches it, and what https://status.namespace.so says"}
	case !isRefusal:
		return err
	case refused.Status == http.StatusUnauthorized || refused.Code == "unauthenticated":
		return &diag.Problem{Code: "namespace-refused", Summary: "Namespace does not know this token", Err: err,
			Hint: "it has expired, or is of another Namespace: run `nsc login` again; on a machine of Namespace see NSC_TOKEN_FILE"}
	default:
		return &diag.Problem{Code: "namespace-refused", Summary: "Namespace refused what tailjoin asked of it", Err: err,
			Hint: "the cause is its own answer. To change the specs of a workspace, be one of its administrators"}
	}
}
