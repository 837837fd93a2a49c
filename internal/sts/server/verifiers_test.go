package server_test

import (
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/server"
	"github.com/tailjoin/tailjoin/internal/sts/verifiers"
)

func TestTokens_areAcceptedByOthersInEveryAlgorithmAndNotWhenAnythingIsWrong(t *testing.T) {
	t.Parallel()
	for _, algorithm := range keyring.Algorithms() {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			s := start(t, tailnet, func(o *server.Options) { o.Policy = allowing(t, algorithm, api) })
			good := verifiers.Claim{Issuer: s.URL, Audience: api, Token: s.token(t, api), At: s.clock.Now()}
			for _, c := range verifiers.Cases(t, good, 5*time.Minute) {
				for name, verify := range verifiers.All {
					if err := verify(t.Context(), c.Claim); (err == nil) != c.Good {
						t.Errorf("%s, a token that is %s: %v", name, c.Name, err)
					}
				}
			}
			wantRetired(t, s, good)
		})
	}
}

// wantRetired has the key of a token retire, and then be gone.
func wantRetired(t *testing.T, s *service, old verifiers.Claim) {
	t.Helper()
	if _, err := s.keys.Rotate(t.Context(), keyring.Rotation{Force: true}); err != nil {
		t.Fatal(err)
	}
	fresh := old
	fresh.Token = s.token(t, api)
	for name, verify := range verifiers.All {
		for what, claim := range map[string]verifiers.Claim{"of the key that retires": old, "of the key after it": fresh} {
			if err := verify(t.Context(), claim); err != nil {
				t.Errorf("%s, a token %s: %v", name, what, err)
			}
		}
	}
	if err := s.keys.Refresh(t.Context()); err != nil { // finds the retired key in the store
		t.Fatal(err)
	}
	s.clock.Pass(time.Hour + 2*time.Minute) // the overlap of this ring
	if err := s.keys.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, verify := range verifiers.All {
		if err := verify(t.Context(), old); err == nil {
			t.Errorf("%s accepts a token of a key that was retired long ago", name)
		}
	}
}
