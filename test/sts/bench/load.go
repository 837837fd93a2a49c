//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// connections are kept open by the load tool, each with one request under way
// at most.
const connections = 32

// A door is where tokens are to be had.
type door struct {
	address string // HOST:PORT
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	request []byte // as it is sent
}

func newDoor(address, query string, dial func(context.Context, string, string) (net.Conn, error)) door {
	return door{address, dial, fmt.Appendf(nil, "POST /token%s HTTP/1.1\r\nHost: %s\r\nX-Tsiam: 1\r\nContent-Length: 0\r\n\r\n", query, address)}
}

// A client is one connection. It speaks as much HTTP as the answers need, so
// that little of the two cores goes into it.
type client struct {
	net.Conn
	in      *bufio.Reader
	request []byte
}

func (d door) clients(ctx context.Context, n int) (all []*client, err error) {
	for range n {
		c, err := d.dial(ctx, "tcp", d.address)
		if err != nil {
			return all, err
		}
		all = append(all, &client{c, bufio.NewReaderSize(c, 8<<10), d.request})
	}
	return all, nil
}

var errAnswer = errors.New("an answer is not one with a token")

// ask gets one token and returns the body of the answer, which is good until
// the next call.
func (c *client) ask() ([]byte, error) {
	if _, err := c.Write(c.request); err != nil {
		return nil, err
	}
	status, err := c.in.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200 ")) {
		return nil, fmt.Errorf("%w: %s", errAnswer, status)
	}
	length, err := c.header()
	if err != nil {
		return nil, err
	}
	body, err := c.in.Peek(length)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(body, []byte(`{"access_token":"ey`)) {
		return nil, fmt.Errorf("%w: %s", errAnswer, body)
	}
	_, err = c.in.Discard(length)
	return body, err
}

// header reads what is before the body, and returns the length of that.
func (c *client) header() (length int, err error) {
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			return length, nil
		}
		if name, value, _ := bytes.Cut(line, []byte(": ")); bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, err
			}
		}
	}
}

// closed has every connection ask again as soon as it has its answer, until
// tokens are had or the time is up. each, if not nil, gets their number now
// and then.
func closed(ctx context.Context, d door, tokens int64, limit time.Duration, each func(int64)) (int64, time.Duration, error) {
	clients, err := d.clients(ctx, connections)
	defer hangUp(clients)
	if err != nil {
		return 0, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var had atomic.Int64
	began := time.Now()
	err = together(clients, func(c *client) error {
		for ctx.Err() == nil {
			n := had.Add(1)
			if tokens > 0 && n > tokens {
				return nil
			}
			if _, err := c.ask(); err != nil {
				return err
			}
			if each != nil {
				each(n)
			}
		}
		return nil
	})
	took := time.Since(began)
	if tokens > 0 {
		return min(had.Load(), tokens), took, err
	}
	return had.Load(), took, err
}

// together has every connection work at the same time.
func together(clients []*client, work func(*client) error) error {
	errs := make([]error, len(clients))
	var group sync.WaitGroup
	for i, c := range clients {
		group.Go(func() { errs[i] = work(c) })
	}
	group.Wait()
	return errors.Join(errs...)
}

func hangUp(clients []*client) {
	for _, c := range clients {
		c.Close()
	}
}
