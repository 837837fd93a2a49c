package tsapi

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/tailjoin/tailjoin/internal/retry"
)

// An Answer is what the API says to one GET, whatever it says.
type Answer struct {
	Status  int
	Message string        // the API's own words, or the first bytes of another body; "" with 2xx
	Date    time.Time     // the server's clock; zero if it did not say
	Sent    time.Time     // our clock
	Took    time.Duration // until the answer began
	Page    bool          // a proxy or a portal answered with a web page
	Foreign bool          // an error that is not JSON, as every error of the API is
}

// Probe asks for a path below /api/v2 and reports the answer. The zero token
// asks as nobody. An error means that there was no answer.
func (c *Client) Probe(ctx context.Context, token AccessToken, path string) (Answer, error) {
	base, err := c.base()
	if err != nil {
		return Answer{}, err
	}
	address := base.JoinPath("/api/v2")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String()+path, nil)
	if err != nil {
		return Answer{}, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent())
	if !token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+token.Reveal())
	}
	return c.ask(req)
}

func (c *Client) ask(req *http.Request) (Answer, error) {
	answer := Answer{Sent: c.now()}
	began := time.Now()
	res, err := c.sender().RoundTrip(req)
	if err != nil {
		return answer, retry.Network(err)
	}
	defer res.Body.Close()
	answer.Took, answer.Status = time.Since(began), res.StatusCode
	answer.Date = dateOf(res)
	if res.StatusCode/100 != 2 || isHTML(res) {
		e := readError(res)
		answer.Message, answer.Page, answer.Foreign = e.Message, e.Page, e.Foreign
	}
	io.Copy(io.Discard, io.LimitReader(res.Body, longestBody)) // or the connection is of no use to the next
	return answer, nil
}
