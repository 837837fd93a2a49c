package idtoken_test

import (
	"context"
	"net"
	"net/http"
	"slices"
	"testing"

	"github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// An agent is a SPIRE agent, as far as it gives JWTs: the real messages, served
// by the real gRPC.
type agent struct {
	workload.UnimplementedSpiffeWorkloadAPIServer
	p       *platform
	refuses error
}

func (a agent) FetchJWTSVID(ctx context.Context, r *workload.JWTSVIDRequest) (*workload.JWTSVIDResponse, error) {
	header, _ := metadata.FromIncomingContext(ctx)
	if !slices.Equal(header.Get("workload.spiffe.io"), []string{"true"}) {
		return nil, status.Error(codes.InvalidArgument, "security header missing from request")
	}
	if !slices.Equal(r.Audience, []string{wanted}) || r.SpiffeId != "" {
		a.p.t.Errorf("asked for %v", r)
	}
	return &workload.JWTSVIDResponse{Svids: []*workload.JWTSVID{
		{SpiffeId: "spiffe://acme.example/ci", Svid: a.p.token, Hint: "first"},
		{SpiffeId: "spiffe://acme.example/other", Svid: tokenFor(a.p.t, "another")},
	}}, a.refuses
}

// workloadAPI is the agent as an http.Handler.
func workloadAPI(p *platform) http.HandlerFunc {
	server := grpc.NewServer()
	workload.RegisterSpiffeWorkloadAPIServer(server, agent{p: p})
	return server.ServeHTTP
}

// serveAgent is the agent as it really runs, with gRPC's own transport.
func serveAgent(p *platform, l net.Listener, refuses error) {
	server := grpc.NewServer()
	workload.RegisterSpiffeWorkloadAPIServer(server, agent{p: p, refuses: refuses})
	go server.Serve(l)
	p.t.Cleanup(server.Stop)
}

func TestSPIFFE_speaksToARealServerOfGRPC(t *testing.T) {
	for network, address := range map[string]func(p *platform) string{
		"unix": func(p *platform) string { return p.wish.Root + "/agent.sock" },
		"tcp":  func(*platform) string { return "127.0.0.1:0" },
	} {
		t.Run(network, func(t *testing.T) {
			p := newPlatform(t)
			l, err := net.Listen(network, address(p))
			if err != nil {
				t.Fatal(err)
			}
			serveAgent(p, l, nil)
			p.set("SPIFFE_ENDPOINT_SOCKET", network+"://"+l.Addr().String())
			token, err := get(t.Context(), t, p.env(), p.wish, wanted)
			if err != nil || token.Reveal() != p.token {
				t.Errorf("token %v, error %v", token.Claims, err)
			}
		})
	}
}

func TestSPIFFE_readsTheStatusOfGRPC(t *testing.T) {
	for code, c := range map[codes.Code]struct {
		problem string
		again   bool
	}{
		codes.PermissionDenied: {"id-token-refused", false},
		codes.Unavailable:      {"not-answering", true},
		codes.InvalidArgument:  {"id-token-refused", false},
	} {
		t.Run(code.String(), func(t *testing.T) {
			p := newPlatform(t)
			l, err := net.Listen("unix", p.wish.Root+"/agent.sock")
			if err != nil {
				t.Fatal(err)
			}
			serveAgent(p, l, status.Error(code, hush))
			p.set("SPIFFE_ENDPOINT_SOCKET", "unix:"+l.Addr().String())
			_, err = get(t.Context(), t, p.env(), p.wish, wanted)
			wantProblem(t, err, c.problem, c.again)
			wantText(t, err, code.String())
		})
	}
}
