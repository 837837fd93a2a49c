package tailscaled

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/retry"
	"tailscale.com/health"
	"tailscale.com/ipn"
	"tailscale.com/tsconst"
)

// answering is the event of a daemon whose login has had this answer to /key.
func answering(status int) ipn.Notify {
	return saying(fmt.Sprintf("fetch control key: %d %s", status, http.StatusText(status)))
}

// saying is the event of a daemon whose login has had this error.
func saying(text string) ipn.Notify {
	text = "You are logged out. The last login error was: " + text
	return ipn.Notify{Health: &health.State{Warnings: map[health.WarnableCode]health.UnhealthyState{
		tsconst.HealthWarnableLoginState: {Text: text},
	}}}
}

func TestLogin_givesUpAServerThatKeepsRefusingItsKey(t *testing.T) {
	for status := 400; status < 600; status++ {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			l := &Login{ctx: ctx, cancel: cancel}
			l.doubtServer(answering(status))
			time.Sleep(time.Minute) // of the bubble
			synctest.Wait()
			own, gaveUpNow := errors.AsType[*gaveUp](context.Cause(ctx))
			if want := status < 500 && !retry.MayPass(status); gaveUpNow != want || want && !IsNoControl(own.error) {
				t.Errorf("%d: gave up: %t (%v), want %t", status, gaveUpNow, context.Cause(ctx), want)
			}
		})
	}
}

func TestLogin_waitsForAServerThatComesBackInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		l := &Login{ctx: ctx, cancel: cancel}
		l.doubtServer(answering(404))
		time.Sleep(answerDoubt - time.Millisecond)
		l.doubtServer(ipn.Notify{}) // says nothing of the server
		if l.wrong == nil {
			t.Error("an event about something else ends the doubt")
		}
		l.doubtServer(ipn.Notify{Health: &health.State{}})
		time.Sleep(time.Minute)
		synctest.Wait()
		if ctx.Err() != nil || l.wrong != nil {
			t.Errorf("gave up: %v", context.Cause(ctx))
		}
	})
}

// What a daemon says of each kind of server that is not the control server.
func TestLogin_givesUpAServerWithAFaultThatDoesNotPass(t *testing.T) {
	for said, want := range map[string]struct {
		code, hint string
		after      time.Duration
	}{
		`fetch control key: Get "https://h/key?v=1": tls: failed to verify certificate: x509: certificate signed by unknown authority`: {"not-trusted", "SSL_CERT_FILE", 0},
		`fetch control key: Get "https://h/key?v=1": x509: certificate is valid for a, not h`:                                          {"not-trusted", "SSL_CERT_FILE", 0},
		`fetch control key: Get "https://h/key?v=1": http: server gave HTTP response to HTTPS client`:                                  {"no-control-server", "http://h", 0},
		`fetch control key: Get "https://h/key?v=1": tls: first record does not look like a TLS handshake`:                             {"no-control-server", "http://h", 0},
		"invalid character '<' looking for beginning of value\nkey hex has the wrong size, got 88 want 64":                             {"no-control-server", "without a path", answerDoubt},
		`fetch control key: Get "https://h/key?v=1": dial tcp 10.0.0.1:443: connect: connection refused`:                               {"not-answering", "reaches it", silenceDoubt},
		`fetch control key: Get "https://h/key?v=1": dial tcp: lookup h: no such host`:                                                 {"not-answering", "reaches it", silenceDoubt},
		`fetch control key: 503 Service Unavailable`:                                                                                   {},
		`register request: http 500: oops`: {},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			l := &Login{ctx: ctx, cancel: cancel, server: "https://h"}
			began := time.Now()
			for range 100 { // the daemon says it again with each try
				l.doubtServer(saying(said))
				time.Sleep(time.Second)
				synctest.Wait()
				if ctx.Err() != nil {
					break
				}
			}
			own, _ := errors.AsType[*gaveUp](context.Cause(ctx))
			if want.code == "" {
				if own != nil {
					t.Errorf("%s: gave up: %v", said, own.error)
				}
				return
			}
			if own == nil || !IsNoControl(own.error) || time.Since(began) > want.after+time.Second {
				t.Fatalf("%s: after %v: %v", said, time.Since(began), own)
			}
			if p := diag.As(own.error); p.Code != want.code || !strings.Contains(p.Hint, want.hint) {
				t.Errorf("%s: %s with the hint %q", said, p.Code, p.Hint)
			}
		})
	}
}

func TestLogin_aServerWithTLSBehindAnAddressOfPlainHTTP(t *testing.T) {
	p := notControl("http://h:8443", "400 Bad Request")
	if !strings.Contains(p.Hint, "https://h:8443") {
		t.Errorf("hint %q", p.Hint)
	}
}
