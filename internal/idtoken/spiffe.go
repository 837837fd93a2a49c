package idtoken

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/retry"
)

const spiffeSocket = "SPIFFE_ENDPOINT_SOCKET"

// spiffe makes one call of the Workload API. It is gRPC: a POST of HTTP/2 whose
// body is a protobuf message behind five bytes, which net/http can send. A
// library for that would be 5 MB.
// Source: spiffe/spiffe, standards/SPIFFE_Workload_API.md; grpc/grpc, doc/PROTOCOL-HTTP2.md.
func spiffe(ctx context.Context, j job) (string, error) {
	client, err := spiffeClient(j.Env(spiffeSocket))
	if err != nil {
		return "", err
	}
	defer client.CloseIdleConnections()
	res, err := ask{
		method: http.MethodPost, url: "http://localhost/SpiffeWorkloadAPI/FetchJWTSVID",
		header: http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}, "Workload.spiffe.io": {"true"}},
		body:   string(grpcFrame(protoField(nil, 1, []byte(j.audience)))),
	}.do(ctx, client)
	if err != nil {
		return "", broken(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, longest))
	if err != nil {
		return "", broken(fmt.Errorf("reading the answer of the Workload API: %w", err))
	}
	if err := grpcError(res); err != nil {
		return "", err
	}
	return firstSVID(body)
}

// broken marks what became of a call on its way. HTTP/2 has errors of its own
// for that.
func broken(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &retry.Later{Err: err}
}

// spiffeClient speaks HTTP/2 without TLS to unix:///path or tcp://IP:port.
func spiffeClient(address string) (*http.Client, error) {
	network, to, ok := spiffeAddress(address)
	if !ok {
		return nil, fmt.Errorf("%s is neither unix:///PATH nor tcp://IP:PORT", spiffeSocket)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, to)
	}
	transport := &http.Transport{DialContext: dial, Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	return &http.Client{Transport: transport, CheckRedirect: stay}, nil
}

func spiffeAddress(address string) (network, to string, ok bool) {
	u, err := url.Parse(address)
	if err != nil {
		return "", "", false
	}
	switch u.Scheme {
	case "unix":
		return "unix", u.Path + u.Opaque, u.Host == "" && u.Path+u.Opaque != ""
	case "tcp":
		return "tcp", u.Host, net.ParseIP(u.Hostname()) != nil && u.Port() != ""
	}
	return "", "", false
}

func spiffeMissing(j job) *diag.Problem {
	if _, _, ok := spiffeAddress(j.Env(spiffeSocket)); !ok {
		return noToken("this workload does not know where the SPIFFE Workload API is",
			"mount the socket of the SPIRE agent, and name it:\n  "+spiffeSocket+"=unix:///run/spire/agent.sock", nil,
			diag.Fact{Name: spiffeSocket, Value: j.Env(spiffeSocket)})
	}
	return nil
}

// grpcFrame is a message as gRPC sends it: not compressed, its length, itself.
func grpcFrame(message []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
}

// Codes of gRPC that may pass: deadline exceeded, resource exhausted, unavailable.
var grpcLater = map[int]bool{4: true, 8: true, 14: true}

var grpcNames = map[int]string{
	1: "Canceled", 2: "Unknown", 3: "InvalidArgument", 4: "DeadlineExceeded", 5: "NotFound", 7: "PermissionDenied",
	8: "ResourceExhausted", 12: "Unimplemented", 13: "Internal", 14: "Unavailable", 16: "Unauthenticated",
}

// grpcError reads the status, which comes behind the answer, or before it if
// there is none.
func grpcError(res *http.Response) error {
	if res.StatusCode != http.StatusOK {
		r := refused(res, nil)
		r.server = "the Workload API"
		return r
	}
	text := res.Trailer.Get("Grpc-Status")
	if text == "" {
		text = res.Header.Get("Grpc-Status")
	}
	code, err := strconv.Atoi(text)
	if err != nil {
		return odd("it is not an answer of gRPC")
	}
	if code == 0 {
		return nil
	}
	r := &refusal{server: "the Workload API", said: strings.TrimSpace("gRPC status " + text + " " + grpcNames[code])}
	if grpcLater[code] {
		return &retry.Later{Err: r}
	}
	return r
}

// firstSVID takes the token out of JWTSVIDResponse{svids = 1: JWTSVID{svid = 2}}.
func firstSVID(body []byte) (string, error) {
	if len(body) < 5 || body[0] != 0 || uint64(binary.BigEndian.Uint32(body[1:])) > uint64(len(body)-5) {
		return "", odd("it is not an answer of gRPC")
	}
	svid, err := protoGet(body[5:5+binary.BigEndian.Uint32(body[1:])], 1)
	if err != nil {
		return "", err
	}
	token, err := protoGet(svid, 2)
	return string(token), err
}

// protoField adds a field of bytes to a protobuf message.
// Source: https://protobuf.dev/programming-guides/encoding.
func protoField(message []byte, number uint64, value []byte) []byte {
	message = binary.AppendUvarint(message, number<<3|2)
	return append(binary.AppendUvarint(message, uint64(len(value))), value...)
}

// protoGet returns the first field of bytes with this number, nil if there is
// none.
func protoGet(message []byte, number uint64) ([]byte, error) {
	for r := bytes.NewReader(message); r.Len() > 0; {
		tag, err := binary.ReadUvarint(r)
		if err != nil || tag&7 != 2 { // the messages in question have no other type
			return nil, odd("it is a message of another kind")
		}
		size, err := binary.ReadUvarint(r)
		if err != nil || size > uint64(r.Len()) {
			return nil, odd("it is a message that breaks off")
		}
		value := make([]byte, size)
		r.Read(value)
		if tag>>3 == number {
			return value, nil
		}
	}
	return nil, nil
}
