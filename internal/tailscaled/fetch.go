package tailscaled

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"time"

	"github.com/tailjoin/tailjoin/internal/retry"
)

// longestSilence ends a transfer in which no byte has come for so long.
const longestSilence = 20 * time.Second

var (
	errSilent = errors.New("the server fell silent")
	errPage   = errors.New("the answer is a web page, as a proxy or a captive portal gives")
)

// read returns a small file, at most limit bytes of it.
func (s shelf) read(ctx context.Context, path string, limit int64) ([]byte, error) {
	return retry.Do(ctx, nil, func(ctx context.Context) ([]byte, error) {
		body, err := s.open(ctx, path)
		if err != nil {
			return nil, err
		}
		defer body.Close()
		return io.ReadAll(io.LimitReader(body, limit))
	})
}

// openCached opens a regular file of the cache. To open a pipe that somebody
// put there would be to wait for its writer.
func openCached(name string) (io.ReadCloser, error) {
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing("it is not there")
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	return os.Open(name)
}

// get opens what a package server has at an address.
func (in Install) get(ctx context.Context, address string) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	t := newTransfer(ctx, cancel, cmp.Or(in.silence, longestSilence))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	// The signature is that of the file: nobody is to pack it once more.
	req.Header.Set("Accept-Encoding", "identity")
	req.Header.Set("User-Agent", "tailjoin")
	resp, err := in.client().Do(req)
	if err != nil {
		err = t.later(err)
		t.Close()
		return nil, err
	}
	t.body = resp.Body
	if err := checkResponse(resp); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

func checkResponse(resp *http.Response) error {
	if resp.StatusCode == http.StatusNotFound {
		return missing("%s is not there", resp.Request.URL.Redacted())
	}
	if resp.StatusCode != http.StatusOK {
		return retry.Status(errors.New(resp.Status), resp.StatusCode, resp.Header)
	}
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/html" {
		return errPage
	}
	return nil
}

// A transfer is the body of an answer. A silence ends it.
type transfer struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	limit   time.Duration // of a silence
	silence *time.Timer
	body    io.ReadCloser // nil until there is an answer
}

func newTransfer(ctx context.Context, cancel context.CancelCauseFunc, limit time.Duration) *transfer {
	silence := time.AfterFunc(limit, func() { cancel(errSilent) })
	return &transfer{ctx: ctx, cancel: cancel, limit: limit, silence: silence}
}

func (t *transfer) Read(p []byte) (int, error) {
	n, err := t.body.Read(p)
	if n > 0 {
		t.silence.Reset(t.limit)
	}
	if err == nil || err == io.EOF {
		return n, err
	}
	return n, t.later(err)
}

// later marks an error of the network as worth another try, and says so if it
// was the silence.
func (t *transfer) later(err error) error {
	switch cause := context.Cause(t.ctx); {
	case cause == errSilent:
		return &retry.Later{Err: errSilent}
	case cause != nil:
		return cause
	}
	return &retry.Later{Err: err}
}

func (t *transfer) Close() error {
	t.silence.Stop()
	t.cancel(nil)
	if t.body == nil {
		return nil
	}
	return t.body.Close()
}

// again tells why a download is tried again, once for each reason.
func (in Install) again(reason error, limit time.Duration) {
	in.log().Info("tailscaled cannot be downloaded yet; trying again for "+limit.Round(time.Second).String()+" at most", "because", reason)
}
