package retry_test

import (
	"context"
	"errors"
	"net"
	"net/http"
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

func TestDo_givesUpAfterFiveTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op, calls := failing(99, &retry.Later{Err: errBoom})
		if _, err := retry.Do(t.Context(), nil, op); !errors.Is(err, errBoom) || *calls != 5 {
			t.Errorf("err = %v after %d calls, want boom after 5", err, *calls)
		}
	})
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

func TestStatus_marksOnly429And5xx(t *testing.T) {
	for status, want := range map[int]bool{400: false, 401: false, 403: false, 404: false, 429: true, 500: true, 503: true} {
		_, got := errors.AsType[*retry.Later](retry.Status(errBoom, status, http.Header{}))
		if got != want {
			t.Errorf("%d: later = %v, want %v", status, got, want)
		}
	}
}

func TestNetwork_marksOnlyWhatTheNetworkDid(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: errBoom}
	for _, c := range []struct {
		err  error
		want bool
	}{{refused, true}, {context.DeadlineExceeded, true}, {context.Canceled, false}, {errBoom, false}} {
		if _, got := errors.AsType[*retry.Later](retry.Network(c.err)); got != c.want {
			t.Errorf("%v: later = %v, want %v", c.err, got, c.want)
		}
	}
}
