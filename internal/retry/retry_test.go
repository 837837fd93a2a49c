package retry_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tailjoin/tailjoin/internal/retry"
)

var errBoom = errors.New("boom")

// failing returns an operation that fails n times with err, and a count of its calls.
func failing(n int, err error) (op func(context.Context) (string, error), calls *int) {
	calls = new(int)
	return func(context.Context) (string, error) {
		*calls++
		if *calls <= n {
			return "", err
		}
		return "done", nil
	}, calls
}

func TestDo_triesAgainWhatMayChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op, calls := failing(2, &retry.Later{Err: errBoom})
		got, err := retry.Do(t.Context(), nil, op)
		if got != "done" || err != nil || *calls != 3 {
			t.Errorf("Do = %q, %v after %d calls; want done after 3", got, err, *calls)
		}
	})
}

func TestDo_doesNotRepeatARefusal(t *testing.T) {
	op, calls := failing(2, errBoom)
	if _, err := retry.Do(t.Context(), nil, op); err != errBoom || *calls != 1 {
		t.Errorf("err = %v after %d calls, want boom after 1", err, *calls)
	}
}

func TestDo_outlastsAnOutageOfTwentySeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		began := time.Now()
		calls := 0
		_, err := retry.Do(ctx, nil, func(context.Context) (bool, error) {
			if calls++; time.Since(began) < 20*time.Second {
				return false, &retry.Later{Err: errBoom}
			}
			return true, nil
		})
		if took := time.Since(began); err != nil || took > 23*time.Second || calls > 25 {
			t.Errorf("err = %v after %v and %d calls; want success within 23s and 25 calls", err, took, calls)
		}
	})
}

func TestDo_triesUntilTheDeadlineLeavesNoRoom(t *testing.T) {
	for name, limit := range map[string]time.Duration{"none": 0, "a minute": time.Minute, "a second": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, want := t.Context(), retry.Default
				if limit > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, limit)
					defer cancel()
					want = limit
				}
				began := time.Now()
				op, _ := failing(1<<30, &retry.Later{Err: errBoom})
				_, err := retry.Do(ctx, nil, op)
				if took := time.Since(began); !errors.Is(err, errBoom) || took > want || took < want-3*time.Second || took < want*9/10 {
					t.Errorf("err = %v after %v, want boom after just under %v", err, took, want)
				}
				if ctx.Err() != nil {
					t.Error("the deadline passed while it waited")
				}
			})
		})
	}
}

func TestDo_tellsEachReasonOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reasons := []error{
			&net.OpError{Op: "read", Source: &net.TCPAddr{Port: 40001}, Err: errBoom},
			&net.OpError{Op: "read", Source: &net.TCPAddr{Port: 40002}, Err: errBoom},
			errors.New("503 Service Unavailable"), errors.New("503 Service Unavailable"),
			&net.OpError{Op: "read", Source: &net.TCPAddr{Port: 40003}, Err: errBoom},
		}
		var told []error
		calls := 0
		_, err := retry.Do(t.Context(), func(reason error, limit time.Duration) {
			told = append(told, reason)
			if limit <= 0 || limit > retry.Default {
				t.Errorf("limit = %v", limit)
			}
		}, func(context.Context) (bool, error) {
			if calls++; calls <= len(reasons) {
				return false, &retry.Later{Err: reasons[calls-1]}
			}
			return true, nil
		})
		if err != nil || len(told) != 2 || !errors.Is(told[0], errBoom) || told[1].Error() != "503 Service Unavailable" {
			t.Errorf("err = %v; told %v", err, told)
		}
	})
}

// A refusal that comes at the last moment is the answer.
func TestDo_atTheDeadlineReturnsARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		calls := 0
		_, err := retry.Steps(ctx, nil, func(ctx context.Context) (bool, error) {
			if calls++; calls == 1 {
				return false, &retry.Later{Err: io.EOF}
			}
			<-ctx.Done()
			return false, errBoom
		})
		if err != errBoom {
			t.Errorf("err = %v, want boom", err)
		}
	})
}

func TestDo_triesADoubtfulErrorForAShortTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		op, calls := failing(1<<30, &retry.Later{Err: errBoom, Limit: retry.Doubt})
		_, err := retry.Do(t.Context(), nil, op)
		if took := time.Since(began); !errors.Is(err, errBoom) || took > retry.Doubt || *calls < 4 {
			t.Errorf("err = %v after %v and %d calls", err, took, *calls)
		}
	})
}

func TestDo_ofACancelledContextReturnsThat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		op, _ := failing(1<<30, &retry.Later{Err: errBoom})
		time.AfterFunc(time.Second, cancel)
		if _, err := retry.Do(ctx, nil, op); !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v, want context.Canceled", err)
		}
	})
}

func TestDo_atTheDeadlineReturnsWhatWasSaidBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errLimit := errors.New("the time limit is over")
		for _, cause := range []error{nil, errLimit} {
			ctx, cancel := context.WithTimeoutCause(t.Context(), 2*time.Second, cause)
			calls := 0
			_, err := retry.Steps(ctx, nil, func(ctx context.Context) (bool, error) {
				if calls++; calls == 1 {
					return false, &retry.Later{Err: errBoom}
				}
				<-ctx.Done()
				return false, fmt.Errorf("asking: %w", context.Cause(ctx))
			})
			if cancel(); !errors.Is(err, errBoom) {
				t.Errorf("err = %v, want boom", err)
			}
		}
	})
}

func TestStep_leavesTimeForAnotherTry(t *testing.T) {
	for deadline, want := range map[time.Duration]time.Duration{
		2 * time.Minute: 10 * time.Second, 20 * time.Second: 5 * time.Second, 2 * time.Second: time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			began := time.Now()
			retry.Step(ctx, func(ctx context.Context) (bool, error) { <-ctx.Done(); return false, nil })
			if got := time.Since(began); got != want {
				t.Errorf("with %v left a request had %v, want %v", deadline, got, want)
			}
		})
	}
}

func TestDo_honoursRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		op, _ := failing(1, &retry.Later{Err: errBoom, After: 17 * time.Second})
		if _, err := retry.Do(t.Context(), nil, op); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begin); waited != 17*time.Second {
			t.Errorf("waited %v, want 17s", waited)
		}
	})
}

func TestDo_doesNotWaitBeyondTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begin := time.Now()
		op, _ := failing(1, &retry.Later{Err: errBoom, After: 11 * time.Second})
		if _, err := retry.Do(ctx, nil, op); !errors.Is(err, errBoom) || time.Since(begin) != 0 {
			t.Errorf("err = %v after %v, want boom at once", err, time.Since(begin))
		}
	})
}

func TestDo_endsACallThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		got, err := retry.Do(t.Context(), nil, func(ctx context.Context) (string, error) {
			if calls++; calls == 1 {
				<-ctx.Done()
				return "", retry.Network(ctx.Err())
			}
			return "done", nil
		})
		if got != "done" || err != nil {
			t.Errorf("Do = %q, %v", got, err)
		}
	})
}

func TestStatus_marksWhatMayPass(t *testing.T) {
	for status, want := range map[int]bool{
		302: false, 400: false, 401: false, 403: false, 404: false, 408: true, 412: false, 425: true, 429: true,
		500: true, 501: false, 502: true, 503: true, 504: true,
	} {
		_, got := errors.AsType[*retry.Later](retry.Status(errBoom, status, http.Header{}))
		if got != want {
			t.Errorf("%d: later = %v, want %v", status, got, want)
		}
	}
}

func TestStatus_readsRetryAfter(t *testing.T) {
	const date = "Mon, 30 Nov 2026 12:00:00 GMT"
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "soon": 0, "99999999999999": (1 << 30) * time.Second,
		"Mon, 30 Nov 2026 12:00:09 GMT": 9 * time.Second, "Mon, 30 Nov 2026 11:59:00 GMT": 0,
	} {
		err := retry.Status(errBoom, 503, http.Header{"Retry-After": {value}, "Date": {date}})
		if got, ok := errors.AsType[*retry.Later](err); !ok || got.After != want {
			t.Errorf("%q: %v, want %v", value, got.After, want)
		}
	}
}

func TestNetwork_marksWhatMayPass(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errBoom}
	untrusted := &tls.CertificateVerificationError{Err: errBoom}
	for _, c := range []struct {
		err   error
		want  bool
		limit time.Duration
	}{
		{refused, true, 0}, {context.DeadlineExceeded, true, 0}, {io.ErrUnexpectedEOF, true, 0},
		{&url.Error{Err: refused}, true, 0}, {&url.Error{Err: untrusted}, false, 0},
		{&net.DNSError{IsTemporary: true}, true, 0}, {&net.DNSError{IsNotFound: true}, true, 30 * time.Second},
		{context.Canceled, false, 0}, {errBoom, false, 0},
		{&fs.PathError{Op: "read", Path: "/token", Err: syscall.EACCES}, false, 0}, {syscall.ECONNREFUSED, true, 0},
	} {
		later, got := errors.AsType[*retry.Later](retry.Network(c.err))
		if got != c.want || got && later.Limit != c.limit {
			t.Errorf("%v: later = %v %v, want %v %v", c.err, got, later, c.want, c.limit)
		}
	}
}

func TestAnswer_marksABodyThatBrokeOffOrStalled(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{io.ErrUnexpectedEOF, true}, {fmt.Errorf("reading: %w", context.DeadlineExceeded), true},
		{context.Canceled, false}, {errBoom, false}, {nil, false},
	} {
		if _, got := errors.AsType[*retry.Later](retry.Answer(c.err)); got != c.want {
			t.Errorf("%v: later = %v, want %v", c.err, got, c.want)
		}
	}
}
