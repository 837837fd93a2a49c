//go:build unix

package clients

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet/build"
)

func TestKubernetes_getsACredential(t *testing.T) {
	issuer := serve(t, "kubernetes")
	out, err := tailjoin(t, strings.Fields("token get --id-token-source sts --sts-url "+issuer+" --audience kubernetes --output kubernetes")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	// Source: https://kubernetes.io/docs/reference/config-api/client-authentication.v1.
	var credential struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Status     struct {
			Token      string    `json:"token"`
			Expiration time.Time `json:"expirationTimestamp"`
		} `json:"status"`
	}
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&credential); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if credential.APIVersion != "client.authentication.k8s.io/v1" || credential.Kind != "ExecCredential" {
		t.Errorf("it is %s %s", credential.APIVersion, credential.Kind)
	}
	if left := time.Until(credential.Status.Expiration); left < 50*time.Second || left > 61*time.Second {
		t.Errorf("it expires in %v", left)
	}
	if err := verified(t.Context(), issuer, "kubernetes", credential.Status.Token); err != nil {
		t.Error(err)
	}
}

// apiServer stands in for one that knows the issuer: it lets in who shows a
// token for the audience.
func apiServer(t *testing.T, issuer string) *httptest.Server {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if err := verified(r.Context(), issuer, "kubernetes", token); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		io.WriteString(w, `{"major":"1","minor":"34"}`)
	}))
	t.Cleanup(server.Close)
	return server
}

func TestKubernetes_clientGoRunsThePluginOfAKubeconfig(t *testing.T) {
	issuer := serve(t, "kubernetes")
	server := apiServer(t, issuer)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	dir := t.TempDir()
	kubeconfig := filepath.Join(dir, "config")
	content := sample(t, "kubernetes", "command: tailjoin", "command: "+filepath.Join(program(t), "tailjoin"), "https://sts.TAILNET.ts.net", issuer) +
		fmt.Sprintf("clusters: [{name: c, cluster: {server: %q, certificate-authority-data: %s}}]\n", server.URL, base64.StdEncoding.EncodeToString(ca)) +
		"contexts: [{name: x, context: {cluster: c, user: tailnet}}]\ncurrent-context: x\napiVersion: v1\nkind: Config\n"
	if err := os.WriteFile(kubeconfig, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	kubernetes, err := build.Other(t.Context(), "kubernetes", "test/clients/kubernetes", ".")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(kubernetes)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	cmd.Stderr = t.Output() // of tailjoin, too, which hides the token in a job's log
	if out, err := cmd.Output(); err != nil || string(out) != "200 OK\n" {
		t.Errorf("%v, %s", err, out)
	}
}
