package retry

import (
	"net/http"
	"strconv"
	"time"
)

const longestAfter = 1 << 30 // seconds, which a time.Duration holds

// after is the Retry-After of an answer, in seconds or as a date (RFC 9110,
// section 10.2.3), or 0. A date is compared with the server's own clock if the
// answer has it.
func after(header http.Header) time.Duration {
	value := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(min(max(seconds, 0), longestAfter)) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return max(0, at.Sub(now))
}
