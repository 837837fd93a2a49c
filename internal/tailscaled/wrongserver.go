package tailscaled

import (
	"errors"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/lazy"
	"tailscale.com/ipn"
	"tailscale.com/tsconst"
)

// A serverFault is why a login server gives no key. The daemon itself would ask
// until the deadline.
type serverFault struct {
	says  lazy.Pattern  // in the daemon's health; its group is quoted
	doubt time.Duration // how long the fault has to last
	tell  func(server, said string) *diag.Problem
}

const (
	// A server behind a proxy may come back after a moment.
	answerDoubt = 3 * time.Second
	// A network may come up, and a server may be restarted.
	silenceDoubt = 10 * time.Second
)

// serverFaults are looked for in this order. A 4xx does not pass, except for
// 408, 425 and 429.
// Source: tailscale.com v1.102, control/controlclient (loadServerPubKeys).
var serverFaults = []serverFault{
	{`((?:tls: failed to verify certificate|x509): [^\n]*)`, 0, notTrusted},
	{`(http: server gave HTTP response to HTTPS client|tls: first record does not look like a TLS handshake)`, 0, notControl},
	{`fetch control key: (4(?:0[0-79]|1\d|2[0-46-8]|[3-9]\d) [^\n]*)`, answerDoubt, notControl},
	{`(invalid character [^\n]*|key hex has the wrong size[^\n]*)`, answerDoubt, notControl},
	{`fetch control key: Get "[^"\n]*": ([^\n]*)`, silenceDoubt, noAnswer},
}

// A doubt is a fault that has not lasted long enough yet.
type doubt struct {
	*serverFault
	err  error
	ends *time.Timer
}

// doubtServer gives the login up if its server has had the same fault for some
// time.
func (l *Login) doubtServer(event ipn.Notify) {
	if event.Health == nil {
		return
	}
	fault, said := faultOf(event.Health.Warnings[tsconst.HealthWarnableLoginState].Text)
	if l.wrong != nil && l.wrong.serverFault == fault {
		return
	}
	l.trustServer()
	if fault != nil {
		err := &noControlError{fault.tell(l.server, said)}
		l.wrong = &doubt{fault, err, time.AfterFunc(fault.doubt, func() { l.giveUp(err) })}
	}
}

// trustServer ends the doubt, if there is one.
func (l *Login) trustServer() {
	if l.wrong != nil {
		l.wrong.ends.Stop()
		l.wrong = nil
	}
}

func faultOf(text string) (fault *serverFault, said string) {
	for i := range serverFaults {
		if found := serverFaults[i].says.Regexp().FindStringSubmatch(text); found != nil {
			return &serverFaults[i], strings.TrimSpace(found[1])
		}
	}
	return nil, ""
}

// A noControlError is the end of a login whose server gave no key.
type noControlError struct{ *diag.Problem }

func (e *noControlError) Unwrap() error { return e.Problem }

// IsNoControl reports whether a login failed because its server gave no key, so
// that no node can have come of it.
func IsNoControl(err error) bool {
	_, ok := errors.AsType[*noControlError](err)
	return ok
}

func serverFacts(server, name, said string) []diag.Fact {
	return []diag.Fact{{Name: "login-server", Value: server}, {Name: name, Value: said}}
}

func notControl(server, said string) *diag.Problem {
	hint := "see login-server: it is the address that `tailscale up --login-server` takes, mostly without a path"
	if other, isWrong := otherScheme(server, said); isWrong {
		hint = "see login-server: it may have to be " + other
	}
	return &diag.Problem{
		Code:    "no-control-server",
		Summary: "the address of the login server does not lead to a control server",
		Facts:   serverFacts(server, "answer to /key", said),
		Hint:    hint,
	}
}

// otherScheme is the address with the scheme that the server seems to speak.
// Servers with TLS answer plain HTTP with a 400.
func otherScheme(server, said string) (address string, isWrong bool) {
	scheme, rest, _ := strings.Cut(server, "://")
	switch {
	case scheme == "https" && (strings.Contains(said, "HTTPS client") || strings.Contains(said, "TLS handshake")):
		return "http://" + rest, true
	case scheme == "http" && strings.HasPrefix(said, "400 "):
		return "https://" + rest, true
	}
	return "", false
}

func notTrusted(server, said string) *diag.Problem {
	return &diag.Problem{
		Code:    "not-trusted",
		Summary: "this machine does not trust the certificate of the login server",
		Facts:   serverFacts(server, "because", said),
		Hint: "if the server has a certificate of its own, name a file with that, or with its authority, in the variable SSL_CERT_FILE.\n" +
			"If a proxy looks into TLS here, do so with its root certificate",
	}
}

func noAnswer(server, said string) *diag.Problem {
	return &diag.Problem{
		Code:    "not-answering",
		Summary: "the login server does not answer",
		Facts:   serverFacts(server, "because", said),
		Hint:    "see that login-server is right, that the server runs, and that this machine reaches it",
	}
}
