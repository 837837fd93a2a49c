//go:build linux

package e2e

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"go.yaml.in/yaml/v3"
)

// examples are the scripts that docs/identity-providers.md shows.
const examples = "../../examples/identity"

// newOrigin is a world whose job runs on a platform, and whose trust credential
// lets that in.
func newOrigin(t *testing.T, o origin) (w *world, minted func() []string) {
	t.Helper()
	w = newWorld(t, localtailnet.Options{})
	for name := range w.vars {
		if strings.HasPrefix(name, "GITHUB_") || strings.HasPrefix(name, "ACTIONS_") || strings.HasPrefix(name, "RUNNER_") {
			delete(w.vars, name)
		}
	}
	w.Issuer().Claims = o.claims
	w.AddCredential(localtailnet.Credential{
		ClientID: clientID, Issuer: w.IssuerURL, Subject: o.subject, Audience: o.audience, Claims: o.rules,
		Scopes: []string{"auth_keys"}, Tags: []string{"tag:ci"},
	})
	w.installs("tailjoin", `exec `+os.Getenv(tailjoin)+` "$@"`)
	w.vars["PATH"] = filepath.Join(w.dir, "bin") + ":" + w.vars["PATH"]
	w.vars["TAILJOIN_NETWORK"], w.vars["TAILJOIN_DEBUG"], w.vars["TMPDIR"] = "userspace", "1", w.dir
	mint, minted := w.minter(o)
	if o.start != nil {
		o.start(w, mint)
	}
	return w, minted
}

// minter signs tokens of the origin, and remembers them.
func (w *world) minter(o origin) (mint minter, minted func() []string) {
	var mu sync.Mutex
	var tokens []string
	mint = func(audience ...string) string {
		f := localtailnet.Forgery{Audience: audience[0], Method: o.method}
		if len(audience) > 1 {
			f.Claims = map[string]any{"aud": audience}
		}
		token, err := w.Issuer().Forge(f)
		if err != nil {
			w.t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		tokens = append(tokens, token)
		return token
	}
	return mint, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append(tokens, w.Secrets()...)
	}
}

// joinBy joins by a snippet of the docs, or by the command alone.
func (w *world) joinBy(snippet string) finished {
	w.t.Helper()
	if snippet == "" {
		return w.run("join")
	}
	delete(w.vars, "TAILJOIN_OAUTH_CLIENT_ID")
	delete(w.vars, "TAILJOIN_TAGS")
	w.vars["CLIENT_ID"] = clientID
	return w.finish(w.command("sh", filepath.Join(examples, snippet)))
}

// wantLetIn fails unless the job joined as this subject, and nobody saw how.
func (w *world) wantLetIn(got finished, subject string, secrets []string) {
	w.t.Helper()
	if got.status != 0 || len(w.jobNodes()) != 1 {
		w.t.Fatalf("join ended with %d, nodes %v:\n%s", got.status, w.jobNodes(), got.text())
	}
	exchanges := w.events(localtailnet.OpExchange)
	if len(exchanges) != 1 || !strings.HasSuffix(exchanges[0].Detail, "sub "+subject) {
		w.t.Errorf("exchanges %v, want one as %s", exchanges, subject)
	}
	for _, secret := range secrets {
		signature := secret[strings.LastIndexByte(secret, '.')+1:]
		if strings.Contains(got.text(), signature) {
			w.t.Errorf("a token was printed:\n%s", got.text())
		}
	}
	w.mustLeave()
	w.wantNothingLeft()
}

// Each platform's token, in the form that it has there, joins a tailnet whose
// trust credential was made as docs/identity-providers.md says.
func TestSources_join(t *testing.T) {
	serveMetadata(t)
	for name, o := range origins {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, secrets := newOrigin(t, o)
			w.wantLetIn(w.joinBy(o.snippet), o.claims["sub"].(string), secrets())
		})
	}
}

// The pod of the docs: its volume has the token, its command joins.
func TestSources_joinFromAPod(t *testing.T) {
	t.Parallel()
	var pod struct {
		Spec struct {
			Containers []struct {
				Command      []string
				VolumeMounts []struct {
					Name      string
					MountPath string `yaml:"mountPath"`
				} `yaml:"volumeMounts"`
			}
			Volumes []struct {
				Name      string
				Projected struct {
					Sources []struct {
						ServiceAccountToken struct{ Audience, Path string } `yaml:"serviceAccountToken"`
					}
				}
			}
		}
	}
	raw, err := os.ReadFile(filepath.Join(examples, "pod.yml"))
	if err == nil {
		err = yaml.Unmarshal([]byte(strings.ReplaceAll(string(raw), "T123-CNTRL", clientID)), &pod)
	}
	if err != nil {
		t.Fatal(err)
	}
	container, volume := pod.Spec.Containers[0], pod.Spec.Volumes[0]
	if container.VolumeMounts[0].Name != volume.Name {
		t.Fatalf("the volume %s is not mounted", volume.Name)
	}
	token := volume.Projected.Sources[0].ServiceAccountToken
	const subject = "system:serviceaccount:ci:builder"
	w, secrets := newOrigin(t, origin{
		claims:  map[string]any{"sub": subject, "kubernetes.io": map[string]any{"namespace": "ci", "pod": map[string]any{"name": "builder"}}},
		subject: subject, rules: map[string]string{`"kubernetes.io".namespace`: "ci"},
		start: func(w *world, mint minter) {
			w.vars["KUBERNETES_SERVICE_HOST"] = "10.0.0.1"
			w.writes(filepath.Join(container.VolumeMounts[0].MountPath, token.Path), mint(token.Audience, "https://kubernetes.default.svc"))
		},
	})
	delete(w.vars, "TAILJOIN_OAUTH_CLIENT_ID")
	delete(w.vars, "TAILJOIN_TAGS")
	w.wantLetIn(w.finish(w.command("sh", append([]string{"-c", `"$0" "$@"`}, container.Command...)...)), subject, secrets())
}

// A machine that is on one tailnet joins another as what it is there: its own
// daemon gives it the token.
func TestSources_joinAsANodeOfAnotherTailnet(t *testing.T) {
	full, _ := filepath.Glob("../../.build/programs/full/*/tailscaled")
	if full == nil {
		t.Skip("the daemon with all features is not built (make demo builds it), and the small one gives no tokens")
	}
	t.Setenv(daemon, full[0])
	h := hosts["userspace"](newWorld(t, localtailnet.Options{}))
	before := h.state()
	w, _ := newOrigin(t, origin{subject: "unused", snippet: "tailscaled.sh"})
	const subject = "host.host.ts.net"
	w.AddCredential(localtailnet.Credential{
		ClientID: clientID, Issuer: h.own.ControlURL, Subject: subject, Scopes: []string{"auth_keys"}, Tags: []string{"tag:ci"},
	})
	w.wantLetIn(w.joinBy("tailscaled.sh"), subject, nil)
	h.wantUntouched(before, "join and leave")
}

// A token for somebody else is found out before anybody is asked, and before
// anything is made.
func TestSources_tokenForAnotherAudience_goesNowhere(t *testing.T) {
	t.Parallel()
	w, _ := newOrigin(t, origins["gitlab"].inVariable("GITLAB_CI", "TS_ID_TOKEN", "https://vault.acme.example"))
	w.mustFail("audience-mismatch", []string{"https://vault.acme.example", "aud: " + defaultAudience})
	if events := w.Events(); len(events) > 0 {
		t.Errorf("somebody was asked: %v", events)
	}
}

// The metadata service of a cloud: the address at which every machine has it.
const metadataIP = "169.254.169.254"

var cloud = http.NewServeMux()

func serveMetadata(t *testing.T) {
	t.Helper()
	mustRun(t, "ip", "address", "add", metadataIP+"/32", "dev", "lo")
	listener, err := net.Listen("tcp", metadataIP+":80")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: cloud}
	go server.Serve(listener)
	t.Cleanup(func() {
		server.Close()
		mustRun(t, "ip", "address", "del", metadataIP+"/32", "dev", "lo")
	})
}

func (w *world) metadata(path string, answer func(*http.Request) string) {
	cloud.Handle(path, handler(answer))
}
