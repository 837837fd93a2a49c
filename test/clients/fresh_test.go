//go:build unix

package clients

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// tailjoin is the program, not started yet.
func tailjoin(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return exec.Command(filepath.Join(program(t), "tailjoin"), args...)
}

// A short service gives tokens that are good for three seconds, and fails now
// and then. What signs them does not matter to their bearer.
type short struct {
	given atomic.Int64
	away  atomic.Bool
}

func (s *short) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if s.away.Load() {
		http.Error(w, "", http.StatusForbidden)
		return
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"jti": s.given.Add(1), "exp": time.Now().Add(3 * time.Second).Unix(),
	}).SignedString([]byte("x"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	json.NewEncoder(w).Encode(map[string]string{"access_token": token})
}

func TestKeepFresh_replacesTheFileBeforeItsTokenExpires(t *testing.T) {
	s := &short{}
	listening := httptest.NewServer(s)
	t.Cleanup(listening.Close)
	file := keepFresh(t, "--sts-url", listening.URL, "--audience", "x")

	read := func() (id float64, left time.Duration) {
		t.Helper()
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		claims := jwt.MapClaims{}
		if _, _, err := jwt.NewParser().ParseUnverified(string(raw), claims); err != nil {
			t.Fatalf("the file holds half a token: %v", err)
		}
		expires, err := claims.GetExpirationTime()
		if err != nil {
			t.Fatal(err)
		}
		return claims["jti"].(float64), time.Until(expires.Time)
	}
	var newest float64
	wait(t, "the third token", func() bool {
		id, left := read()
		if left <= 0 {
			t.Errorf("token %v in the file has expired", id)
		}
		newest = max(newest, id)
		return newest >= 3
	})
	s.away.Store(true)
	given := s.given.Load()
	time.Sleep(3 * time.Second) // in which it fails, at least once
	s.away.Store(false)
	wait(t, "a token after a failure", func() bool { id, _ := read(); return id > float64(given) })
	wantFiles(t, filepath.Dir(file), "token")
}

func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the directory has %v, want %v", got, want)
	}
}
