// Package retry tries again what can change by itself: a network error, a
// busy or broken server. Refusals are final.
package retry

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
	"unicode"
)

const (
	// Default bounds Do and Steps if their context has no deadline.
	Default = 2 * time.Minute

	// Doubt bounds the retries of an answer that is probably final, but may be
	// an outage, such as the page of a proxy.
	Doubt = 10 * time.Second

	// unknownHost bounds the retries of a name that DNS does not know: either a
	// wrong address, or a resolver that is not ready yet.
	unknownHost = 30 * time.Second

	longestRequest  = 10 * time.Second
	shortestRequest = time.Second

	firstPause   = 100 * time.Millisecond
	longestPause = 3 * time.Second
)

// A Later marks an error that may be gone on another try.
type Later struct {
	Err   error
	After time.Duration // the shortest pause, such as the server's Retry-After
	Limit time.Duration // how long a retry is worthwhile; 0 means until the deadline
}

func (l *Later) Error() string { return l.Err.Error() }
func (l *Later) Unwrap() error { return l.Err }

// Network marks err as a Later if it came from the network and not from an
// answer. A nil err stays nil.
func Network(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || isUntrusted(err) || isAboutFile(err) {
		return err
	}
	if unknown, ok := errors.AsType[*net.DNSError](err); ok && unknown.IsNotFound {
		return &Later{Err: err, Limit: unknownHost}
	}
	if _, ok := errors.AsType[net.Error](err); ok || isCut(err) {
		return &Later{Err: err}
	}
	return err
}

// isUntrusted holds for a certificate that another try does not change.
// net/http wraps every error in one that looks like a network error.
// isAboutFile reports an error of the file system: a number of the system's is
// a net.Error, whatever it is about.
func isAboutFile(err error) bool {
	_, ok := errors.AsType[*fs.PathError](err)
	return ok
}

func isUntrusted(err error) bool {
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}

// Answer marks err as a Later if the connection was cut, or stood still, while
// an answer was read. A nil err stays nil.
func Answer(err error) error {
	if _, ok := errors.AsType[*Later](err); ok || !isCut(err) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &Later{Err: err}
}

func isCut(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

// passing are the statuses below 500 that may be gone on another try.
var passing = map[int]bool{
	http.StatusRequestTimeout:  true,
	http.StatusTooEarly:        true,
	http.StatusTooManyRequests: true,
}

// MayPass reports whether another try may get another answer than this HTTP
// status.
func MayPass(status int) bool {
	return passing[status] || status >= 500 && status != http.StatusNotImplemented
}

// Status marks err as a Later if the HTTP status that caused it may pass, with
// the Retry-After of the answer.
func Status(err error, status int, header http.Header) error {
	if !MayPass(status) {
		return err
	}
	return &Later{Err: err, After: after(header)}
}

// A Waiting is told why Do tries again, and for how long at most. It is called
// once for each reason.
type Waiting func(reason error, limit time.Duration)

// Do calls op until it succeeds, fails for good, or ctx's deadline leaves no
// room for another try. Each call has a limit of its own, well below the
// deadline. A nil waiting is not called.
func Do[T any](ctx context.Context, waiting Waiting, op func(context.Context) (T, error)) (T, error) {
	return Steps(ctx, waiting, func(ctx context.Context) (T, error) { return Step(ctx, op) })
}

// Steps is Do for an op that makes several requests: it limits each of them by
// Step.
func Steps[T any](ctx context.Context, waiting Waiting, op func(context.Context) (T, error)) (value T, err error) {
	err = repeat(ctx, waiting, func(ctx context.Context) (err error) {
		value, err = op(ctx)
		return err
	})
	return value, err
}

// Step makes one request, and cancels it early enough before ctx's deadline to
// try again.
func Step[T any](ctx context.Context, op func(context.Context) (T, error)) (T, error) {
	limit := longestRequest
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, max(time.Until(deadline)/4, shortestRequest))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, noAnswer(limit))
	defer cancel()
	return op(ctx)
}

// noAnswer is the error of a request that took longer than its limit, as
// net/http returns it.
type noAnswer time.Duration

func (n noAnswer) Error() string {
	return "no answer within " + time.Duration(n).Round(100*time.Millisecond).String()
}
func (noAnswer) Timeout() bool        { return true }
func (noAnswer) Temporary() bool      { return true }
func (noAnswer) Is(target error) bool { return target == context.DeadlineExceeded }

// repeat is apart from Steps, of which the program has one for each type.
func repeat(ctx context.Context, waiting Waiting, op func(context.Context) error) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, Default)
		defer cancel()
	}
	s := newSeries(ctx, waiting)
	for {
		err := op(ctx)
		later, ok := errors.AsType[*Later](err)
		switch {
		case ctx.Err() != nil && (ok || isEnd(ctx, err)):
			return s.ended(ctx, err)
		case !ok:
			return err
		case !s.pause(ctx, later, err):
			return s.ended(ctx, err)
		}
	}
}

// isEnd reports whether err only says that ctx has ended. net/http returns its
// cause.
func isEnd(ctx context.Context, err error) bool {
	return errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))
}

// A series is the tries of one repeat.
type series struct {
	waiting  Waiting
	deadline time.Time
	longest  time.Duration // pause
	next     time.Duration // pause, before jitter
	last     error
	reason   string
	since    time.Time // when reason was first seen, after another one
	told     map[string]bool
}

// newSeries scales the pauses to the deadline: a short one needs short pauses.
func newSeries(ctx context.Context, waiting Waiting) *series {
	deadline, _ := ctx.Deadline()
	longest := min(longestPause, max(time.Until(deadline)/20, firstPause))
	return &series{waiting: waiting, deadline: deadline, longest: longest, next: firstPause, told: map[string]bool{}}
}

// ended is the error to return at the end of ctx. A try that the deadline cut
// short says less than an earlier one. A cancelled context is the reason itself.
func (s *series) ended(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case s.last != nil:
		return s.last
	}
	return err
}

// pause waits before the next try. False means that there is no time for one.
func (s *series) pause(ctx context.Context, later *Later, err error) bool {
	now := time.Now()
	s.last = err
	if reason := reasonOf(err); reason != s.reason {
		s.reason, s.since = reason, now
	}
	end := s.deadline
	if limit := s.since.Add(later.Limit); later.Limit > 0 && limit.Before(end) {
		end = limit
	}
	wait := max(later.After, s.next/2+rand.N(s.next/2))
	s.next = min(s.next*2, s.longest)
	if now.Add(wait).After(end) {
		return false
	}
	s.tell(err, end.Sub(now))
	select {
	case <-time.After(wait):
		return true
	case <-ctx.Done():
		return false
	}
}

// tell reports a reason that was not reported yet.
func (s *series) tell(err error, limit time.Duration) {
	if s.waiting != nil && !s.told[s.reason] {
		s.told[s.reason] = true
		s.waiting(err, limit)
	}
}

// reasonOf is what was tried and the innermost error, without the numbers of
// ports, which differ from try to try.
func reasonOf(err error) string {
	tried, _, _ := strings.Cut(err.Error(), ": ")
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return strings.Map(withoutDigits, tried) + ": " + err.Error()
}

func withoutDigits(r rune) rune {
	if unicode.IsDigit(r) {
		return -1
	}
	return r
}
