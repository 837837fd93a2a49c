package httpurl_test

import (
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/httpurl"
)

func TestParse_acceptsPlainHTTPOnLoopbackOnly(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://api.tailscale.com": true, "https://10.9.9.1:8443/path": true,
		"http://127.0.0.1:80": true, "http://127.9.8.7": true, "http://[::1]:80": true, "http://localhost": true,
		"http://headscale.example": false, "http://10.9.9.1:8091": false, "http://127.0.0.1.example.com": false,
		"http://localhost.example.com": false, "http://localhost@example.com": false, "http://0.0.0.0": false,
		"api.tailscale.com": false, "ftp://x": false, "ftp://127.0.0.1": false, "https://": false, "http://:80": false, "": false, "https://%": false,
	} {
		if _, err := httpurl.Parse(address); (err == nil) != ok {
			t.Errorf("Parse(%q) = %v", address, err)
		}
	}
}

func TestParse_hidesThePasswordInItsErrors(t *testing.T) {
	for _, address := range []string{"http://user:hunter2@example.com", "ftp://user:hunter2@example.com"} {
		if _, err := httpurl.Parse(address); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Parse(%q) = %v, want an error without the password", address, err)
		}
	}
}
