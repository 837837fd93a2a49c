//go:build linux

package action

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// The examples and templates, as they are but for what only exists elsewhere: the tailnet is one of ours, so its login
// server stands beside each client ID. Not run: container.yml (act would need Docker), background.yml (act does not know
// such steps), and the template of the ssh deployment, whose workflow has a test of its own.
var examples = map[string]struct {
	replace []string          // old, new
	env     map[string]string // more of it
	exit    int
	log     string // what it says
	nodes   int    // that join
}{
	"examples/github/matrix.yml":           {log: "the slow suite uses my-server", nodes: 2},
	"examples/github/always.yml":           {exit: 1, log: "Success - Main curl", nodes: 1}, // there is nothing to make
	"examples/github/several-tailnets.yml": {log: "Job succeeded", nodes: 2},
	"examples/github/second-audience.yml":  {log: "Job succeeded", nodes: 1},
	"examples/github/api-token.yml":        {replace: []string{"https://api.tailscale.com", "CONTROL"}, log: `"devices":`, nodes: 1},
	"examples/github/token-service.yml": {
		replace: []string{"https://sts.TAILNET.ts.net", "http://my-server.tail10ca1.ts.net:8080", "aws s3 ls", `grep -q . "$AWS_WEB_IDENTITY_TOKEN_FILE"`, "API: https://api.example.com", "API: http://my-server/"},
		log:     "Hello from my-server", nodes: 1,
	},
	"examples/github/enterprise-server.yml": {
		replace: []string{"runs-on: [self-hosted, linux]", "runs-on: ubuntu-latest"}, log: "Hello from my-server", nodes: 1,
	},
	"examples/github/forgejo.yml": {
		replace: []string{"enable-openid-connect: true\n", "", "runs-on: docker", "runs-on: ubuntu-latest", "uses: https://github.com/", "uses: "},
		env:     map[string]string{"FORGEJO_ACTIONS": "true", "GITEA_ACTIONS": "true"},
		log:     "joined as forgejo-act-", nodes: 1,
	},
	"workflow-templates/tailnet-join.yml": {log: "Hello from my-server", nodes: 1},
	"workflow-templates/tailnet-run.yml":  {log: "Hello from my-server", nodes: 1},
}

func TestExamples_runAsTheyAre(t *testing.T) {
	ours := releaseOf(t, program("dist"))
	for name, c := range examples {
		t.Run(name, func(t *testing.T) {
			text := readFile(t, filepath.Join(root, name))
			one := newWorld(t)
			one.startPeer()
			worlds := map[string]*world{"": one}
			if strings.Contains(text, "PRODUCTION") {
				two := newWorld(t)
				two.trust(one.IssuerURL) // a job has one issuer
				two.startPeer()
				worlds["PRODUCTION"] = two
			}
			text = atHome(text, worlds)
			text = strings.NewReplacer(c.replace...).Replace(text)
			text = strings.NewReplacer("CONTROL", one.ControlURL).Replace(text)
			env := one.env()
			env["TAILJOIN_LOGIN_SERVER"] = one.ControlURL // of what is run by hand
			maps.Copy(env, c.env)
			got := job{
				files: map[string]string{"test.yml": text, "tailnet-run.yml": ours.reusable(t, "tailnet-run.yml")},
				vars: map[string]string{
					"TAILNET_CLIENT_ID": client, "STAGING_CLIENT_ID": client, "PRODUCTION_CLIENT_ID": client,
					"STAGING_TAILNET": "tailjoin.example", "PRODUCTION_TAILNET": "tailjoin.example",
				},
				actions: []action{ours, ours.major()},
				env:     env,
			}.run(t)

			if got.exit != c.exit || !strings.Contains(got.log, c.log) {
				t.Errorf("act's exit status: got %d, want %d, and %q", got.exit, c.exit, c.log)
			}
			if joined := strings.Count(got.log, "joined as "); joined != c.nodes {
				t.Errorf("%d nodes joined, want %d", joined, c.nodes)
			}
			for _, w := range worlds {
				w.wantNothingLeft(got)
			}
			if t.Failed() {
				t.Log(got.log)
			}
		})
	}
}

var clientInput = regexp.MustCompile(`(?m)^( *)oauth-client-id: .*vars\.([A-Z_]*)_CLIENT_ID.*$`)

// atHome is a workflow for this machine's tailnets, by the first word of the variable that has the client ID.
func atHome(text string, worlds map[string]*world) string {
	text = clientInput.ReplaceAllStringFunc(text, func(line string) string {
		m := clientInput.FindStringSubmatch(line)
		w := worlds[m[2]]
		if w == nil {
			w = worlds[""]
		}
		return line + "\n" + m[1] + `login-server: "` + w.ControlURL + `"`
	})
	return strings.NewReplacer("[$default-branch]", "[main]", "uses: tailjoin/tailjoin/.github", "uses: ./.github", ".yml@v1", ".yml").Replace(text)
}

// startPeer puts my-server onto the tailnet, which has a page.
func (w *world) startPeer() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	peer, err := w.StartPeer(ctx, localtailnet.PeerOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	listener, err := peer.Listen("tcp", ":8080")
	if err != nil {
		w.t.Fatal(err)
	}
	service := &http.Server{Handler: http.HandlerFunc(w.giveToken)}
	go service.Serve(listener)
	w.t.Cleanup(func() { service.Close() })
}

// giveToken answers as a token service does. cmd/sts tests the real one.
func (w *world) giveToken(rw http.ResponseWriter, r *http.Request) {
	token, err := w.Issuer().Mint(r.URL.Query().Get("resource"), nil)
	if err != nil || r.Method != "POST" || r.URL.Path != "/token" || r.Header.Get("X-Tsiam") == "" {
		http.Error(rw, "", http.StatusBadRequest)
		return
	}
	json.NewEncoder(rw).Encode(map[string]string{"access_token": token})
}
