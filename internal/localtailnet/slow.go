package localtailnet

import (
	"net/http"
	"time"
)

// A slowWriter answers at a given rate.
type slowWriter struct {
	http.ResponseWriter
	request   *http.Request
	bandwidth int64 // bytes per second; 0 is no limit
	start     time.Time
	written   int64
}

// chunk is what is written at once: 0.3 ms at 50 MB/s.
const chunk = 16 << 10

func (w *slowWriter) Write(b []byte) (n int, err error) {
	for n < len(b) {
		part := b[n:min(n+chunk, len(b))]
		m, err := w.ResponseWriter.Write(part)
		n += m
		w.written += int64(m)
		if err != nil {
			return n, err
		}
		if err := w.wait(); err != nil {
			return n, err
		}
	}
	return n, nil
}

// wait returns when so many bytes may have been written. Waits of less than
// a millisecond are saved up: timers are not finer than that.
func (w *slowWriter) wait() error {
	if w.bandwidth == 0 {
		return nil
	}
	due := w.start.Add(time.Duration(float64(w.written) / float64(w.bandwidth) * float64(time.Second)))
	early := time.Until(due)
	if early < time.Millisecond {
		return nil
	}
	timer := time.NewTimer(early)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-w.request.Context().Done():
		return w.request.Context().Err()
	}
}
