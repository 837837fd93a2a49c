package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"github.com/tailjoin/tailjoin/internal/httpurl"
	"github.com/tailjoin/tailjoin/internal/jwk"
)

// Limits of an issuer that nobody vouched for: its address is the token's word.
const (
	issuerLimit     = 10 * time.Second // for each of the two documents
	longestDocument = 1 << 20
	mostRedirects   = 3
)

// discover fetches the issuer's keys by way of its discovery document, which
// must be about that issuer and no other.
func discover(ctx context.Context, client *http.Client, issuer string) (set jwk.Set, err error) {
	base, err := trustworthy(issuer)
	if err != nil {
		return set, fmt.Errorf("issuer %q: %w", issuer, err)
	}
	if base.RawQuery != "" || base.Fragment != "" {
		return set, fmt.Errorf("issuer %q: %w", issuer, errQuery)
	}
	var document struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	server, err := getJSON(ctx, client, base.JoinPath(".well-known/openid-configuration"), &document)
	if err != nil {
		return set, err
	}
	if document.Issuer != issuer {
		return set, fmt.Errorf("the discovery document is about %q", document.Issuer)
	}
	keys, err := keysAddress(base, document.JWKSURI)
	if err != nil {
		return set, fmt.Errorf("jwks_uri %q: %w", document.JWKSURI, err)
	}
	if keys.Host != base.Host && isPublic(server) {
		client = publicOnly(client, keys)
	}
	_, err = getJSON(ctx, client, keys, &set)
	return set, err
}

// keysAddress checks the address of an issuer's keys, which its document names.
// Over plain http that is the issuer's own server on this machine, and no other.
func keysAddress(issuer *url.URL, address string) (*url.URL, error) {
	keys, err := trustworthy(address)
	switch {
	case err != nil:
		return nil, err
	case keys.Scheme == "http" && (issuer.Scheme != "http" || keys.Host != issuer.Host || keys.RawQuery != ""):
		return nil, errPlain
	}
	return keys, nil
}

var (
	errQuery     = errors.New("must have no query and no fragment")
	errPlain     = errors.New("an address such as https://host/path is wanted; only a loopback address may be http://")
	errElsewhere = errors.New("it redirects to another host")
	errRedirects = errors.New("it redirects too often")
)

// CheckIssuer reports why no keys could be fetched from an issuer's address.
func CheckIssuer(address string) error {
	u, err := trustworthy(address)
	if err == nil && (u.RawQuery != "" || u.Fragment != "") {
		err = errPlain
	}
	return err
}

// trustworthy reads an address that keys may come from: what comes over plain
// http can be anybody's.
func trustworthy(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !httpurl.IsLoopback(u.Hostname())) {
		return nil, errPlain
	}
	return u, nil
}

// getJSON decodes a document of limited size, which must come in time and from
// the host that was asked. server is where it came from.
func getJSON(ctx context.Context, client *http.Client, from *url.URL, v any) (server net.Addr, err error) {
	ctx, cancel := context.WithTimeout(ctx, issuerLimit)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { server = c.Conn.RemoteAddr() }})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	careful := *client
	careful.CheckRedirect = sameHost
	res, err := careful.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", from, res.Status)
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, longestDocument)).Decode(v); err != nil {
		return nil, fmt.Errorf("GET %s: no JSON: %w", from, err)
	}
	return server, nil
}

func sameHost(req *http.Request, via []*http.Request) error {
	switch first := via[0].URL; {
	case req.URL.Host != first.Host || req.URL.Scheme != first.Scheme:
		return errElsewhere
	case len(via) > mostRedirects:
		return errRedirects
	}
	return nil
}
