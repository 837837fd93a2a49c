// Package retry tries again what can change by itself: a network error, a
// 429, a 5xx. Nothing else gets better by asking twice.
package retry

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

const (
	tries   = 5
	attempt = 10 * time.Second // what a server that hangs costs
	first   = 200 * time.Millisecond
	longest = 5 * time.Second
)

// A Later marks an error that may be gone on another try.
type Later struct {
	Err   error
	After time.Duration // what the server asked for by Retry-After; zero: nothing
}

func (l *Later) Error() string { return l.Err.Error() }
func (l *Later) Unwrap() error { return l.Err }

// Network marks err as a Later if it came from the network and not from an
// answer. A nil err stays nil.
func Network(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if _, ok := errors.AsType[net.Error](err); ok || isCut(err) {
		return &Later{Err: err}
	}
	return err
}

// Answer marks err as a Later if the connection was cut while an answer was
// read. A nil err stays nil.
func Answer(err error) error {
	if _, ok := errors.AsType[*Later](err); ok || !isCut(err) {
		return err
	}
	return &Later{Err: err}
}

func isCut(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

// Status marks err as a Later if the HTTP status that caused it is a 429 or a
// 5xx, with the Retry-After of the answer (RFC 9110, section 10.2.3; seconds
// only, which is the form the services in question send).
func Status(err error, status int, header http.Header) error {
	if status != http.StatusTooManyRequests && status < 500 {
		return err
	}
	seconds, _ := strconv.Atoi(header.Get("Retry-After"))
	return &Later{Err: err, After: time.Duration(max(seconds, 0)) * time.Second}
}

// Do calls op until it succeeds, fails for good, has failed five times, or
// the next try would begin after ctx's deadline. Each call gets at most ten
// seconds. Before each wait it calls again, which may be nil.
func Do[T any](ctx context.Context, again func(err error, wait time.Duration), op func(context.Context) (T, error)) (value T, err error) {
	err = do(ctx, again, func(ctx context.Context) (err error) {
		value, err = op(ctx)
		return err
	})
	return value, err
}

// do is apart from Do, of which the program has one for each type.
func do(ctx context.Context, again func(err error, wait time.Duration), op func(context.Context) error) error {
	for n := 0; ; n++ {
		err := once(ctx, op)
		later, ok := errors.AsType[*Later](err)
		if !ok || n == tries-1 || ctx.Err() != nil {
			return err
		}
		wait := max(later.After, jitter(n))
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
			return err
		}
		if again != nil {
			again(err, wait)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return err
		}
	}
}

func once(ctx context.Context, op func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	return op(ctx)
}

// jitter is a random wait of half to all of a step that doubles with n.
func jitter(n int) time.Duration {
	step := min(first<<n, longest)
	return step/2 + rand.N(step/2)
}
