package localtailnet

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/contract"
)

// Every operation that is served is one that Tailscale publishes, or has a
// reason.
func TestEndpoints_areThoseThatTailscalePublishes(t *testing.T) {
	tn := start(t, Options{})
	served := 0
	for _, e := range tn.endpoints() {
		method, path, _ := strings.Cut(e.pattern, " ")
		path = strings.NewReplacer("{tailnet}", "-", "{id}", "n1CNTRL", "{key}", "custom:a").Replace(path)
		_, found := contract.Published().Find(method, path)
		switch {
		case found:
			served++
		case unexplained(method+" "+path, []string{notPublished}) != nil:
			t.Errorf("%s is not published, and no deviation says why it is served", e.pattern)
		}
	}
	t.Logf("%d of %d published operations are served", served, len(contract.Published().Operations))
}

// The answers to good requests and to bad ones are as Tailscale publishes them,
// but for what is listed with its source; and all that is listed occurs.
func TestAnswers_areAsTailscalePublishesThem(t *testing.T) {
	tn := start(t, Options{})
	node := tn.AddNode("ci", KeyOptions{Tags: []string{"tag:ci"}})
	person, reader := tn.MintAPIKey(time.Hour), bearer(t, tn, "dns").token
	made := map[string]string{} // by what refers to it
	const tailnet = "/tailnet/-"
	for _, ask := range []struct{ name, request, body string }{
		{"", "GET " + tailnet + "/acl", ""},
		{"", "GET " + tailnet + "/acl?details=1", ""},
		{"", "POST " + tailnet + "/acl", `{"grants": [{"src": ["*"], "dst": ["*"], "ip": ["*"]}]}`},
		{"", "POST " + tailnet + "/acl", `{"grants": [{"src": ["tag:none"], "dst": ["*"], "ip": ["*"]}]}`},
		{"", "POST " + tailnet + "/acl", `{"tests": [{"src": "owner@tailjoin.example", "deny": ["*:1"]}]}`},
		{"", "POST " + tailnet + "/acl", ``},
		{"", "POST " + tailnet + "/acl/validate", `{}`},
		{"", "POST " + tailnet + "/acl/validate", `{"tests": [{"src": "x@example.com", "accept": ["*:1"]}]}`},
		{"", "POST " + tailnet + "/acl/validate", ``},
		{"", "POST " + tailnet + "/acl/validate", `{`},
		{"auth", "POST " + tailnet + "/keys", `{"capabilities": {"devices": {"create": {"tags": ["tag:ci"], "reusable": true}}}}`},
		{"client", "POST " + tailnet + "/keys", `{"keyType": "client", "scopes": ["dns"], "description": "a"}`},
		{"federated", "POST " + tailnet + "/keys", `{"keyType": "federated", "scopes": ["auth_keys"], "tags": ["tag:ci"], "issuer": "https://a.example", "subject": "s", "customClaimRules": {"a": "b"}}`},
		{"", "POST " + tailnet + "/keys", `{"keyType": "client"}`},
		{"", "POST " + tailnet + "/keys", `{}`},
		{"", "GET " + tailnet + "/keys?all=true", ""},
		{"", "GET " + tailnet + "/keys", ""},
		{"", "GET " + tailnet + "/keys/auth", ""},
		{"", "GET " + tailnet + "/keys/client", ""},
		{"", "GET " + tailnet + "/keys/federated", ""},
		{"", "GET " + tailnet + "/keys/none", ""},
		{"", "PUT " + tailnet + "/keys/client", `{"keyType": "client", "scopes": ["dns:read"]}`},
		{"", "PUT " + tailnet + "/keys/client", `{"keyType": "client"}`},
		{"", "PUT " + tailnet + "/keys/none", `{"keyType": "client", "scopes": ["dns:read"]}`},
		{"", "DELETE " + tailnet + "/keys/client", ""},
		{"", "GET " + tailnet + "/keys/client", ""},
		{"", "DELETE " + tailnet + "/keys/client", ""},
		{"", "GET " + tailnet + "/devices", ""},
		{"", "GET " + tailnet + "/devices?fields=all&tags=tag:ci", ""},
		{"", "GET " + tailnet + "/services", ""},
		{"", "GET /device/" + node.ID, ""},
		{"", "GET /device/" + node.ID + "?fields=all", ""},
		{"", "GET /device/none", ""},
		{"", "GET /device/" + node.ID + "/attributes", ""},
		{"", "GET /device/none/attributes", ""},
		{"", "POST /device/" + node.ID + "/attributes/custom:a", `{"value": 7, "expiry": "2100-01-01T00:00:00Z", "comment": "a test"}`},
		{"", "POST /device/" + node.ID + "/attributes/custom:b", `{"value": "a b"}`},
		{"", "POST /device/none/attributes/custom:b", `{"value": true}`},
		{"", "DELETE /device/" + node.ID + "/attributes/custom:a", ""},
		{"", "DELETE /device/" + node.ID + "/attributes/node:os", ""},
		{"", "PATCH " + tailnet + "/device-attributes", `{"nodes": {"` + node.ID + `": {"custom:c": {"value": true}, "custom:a": null}}, "comment": "a test"}`},
		{"", "PATCH " + tailnet + "/device-attributes", `{"nodes": {"none": {"custom:c": {"value": true}}}}`},
		{"", "POST /device/" + node.ID + "/authorized", `{"authorized": true}`},
		{"", "POST /device/" + node.ID + "/authorized", `no`},
		{"", "POST /device/none/authorized", `{"authorized": true}`},
		{"", "DELETE /device/" + node.ID, ""},
		{"", "DELETE /device/" + node.ID, ""},
	} {
		for name, id := range made {
			ask.request = strings.Replace(ask.request, "/keys/"+name, "/keys/"+id, 1)
		}
		for _, token := range []string{"", reader} {
			if status, answer := requestAs(t, tn, token, ask.request, ask.body); status/100 != 4 {
				t.Errorf("%s for nobody: %d %s", ask.request, status, answer)
			}
		}
		_, answer := requestAs(t, tn, person, ask.request, ask.body)
		if _, id, _ := strings.Cut(answer, `"id":"`); ask.name != "" {
			made[ask.name], _, _ = strings.Cut(id, `"`)
		}
		other := strings.Replace(ask.request, tailnet+"/", "/tailnet/other.example/", 1)
		if status, _ := requestAs(t, tn, person, other, ask.body); other != ask.request && status != 404 {
			t.Errorf("%s: %d, want 404", other, status)
		}
	}
	for _, d := range deviations {
		if d.finding != notPublished && !slices.ContainsFunc(tn.observed(), d.explainsIt) {
			t.Errorf("%s: %s: it is listed, and does not occur", d.operation, d.finding)
		}
		if !strings.HasPrefix(d.source, "https://") {
			t.Errorf("%s: %s: it is listed without a source", d.operation, d.finding)
		}
	}
}

func (d deviation) explainsIt(o deviation) bool { return d.explains(o.operation, o.finding) }

func (t *Tailnet) observed() (all []deviation) {
	t.state.read(func() { all = slices.Clone(t.state.deviations) })
	return all
}

// checkAnswers fails a test in which the API gave answers that Tailscale does not
// publish.
func (t *Tailnet) checkAnswers(tb testing.TB) {
	var all []string
	for _, o := range t.observed() {
		if unexplained(o.operation, []string{o.finding}) != nil {
			all = append(all, o.operation+": "+o.finding)
		}
	}
	slices.Sort(all)
	for _, finding := range slices.Compact(all) {
		tb.Errorf("Tailscale's published API has no such answer: %s", finding)
	}
}

// requestAs sends a request to the API, as a person or a job does by other programs.
func requestAs(t *testing.T, tn *Tailnet, token, request, body string) (status int, answer string) {
	t.Helper()
	method, path, _ := strings.Cut(request, " ")
	req, err := http.NewRequestWithContext(t.Context(), method, tn.ControlURL+apiRoot+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	read, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(read)
}

// What tailjoin sends must be published; other programs may try what they like.
func TestAsked_refusesWhatTailscaleDoesNotPublish(t *testing.T) {
	tn := start(t, Options{})
	key := tn.MintAPIKey(time.Hour)
	for name, c := range map[string]struct{ method, path, body, want string }{
		"a path":            {"GET", "/tailnet/-/nothing", "", "GET /tailnet/-/nothing: Tailscale's published API has no such request: the operation is unknown"},
		"a method":          {"PUT", "/tailnet/-/devices", "", "PUT /tailnet/-/devices: Tailscale's published API has no such request: the operation is unknown"},
		"a query":           {"GET", "/tailnet/-/keys?some=true", "", "GET /tailnet/{tailnet}/keys: Tailscale's published API has no such request: query parameter some is unknown"},
		"a field":           {"POST", "/tailnet/-/keys", `{"tag": 1}`, "POST /tailnet/{tailnet}/keys: Tailscale's published API has no such request: request.tag is unknown"},
		"nothing":           {"GET", "/tailnet/-/keys?all=true", "", ""},
		"a known deviation": {"POST", "/oauth/token", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, agent := range []string{"tailjoin/v1.2.3 (linux)", "curl/8"} {
				req, err := http.NewRequestWithContext(t.Context(), c.method, tn.ControlURL+apiRoot+c.path, strings.NewReader(c.body))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Authorization", "Bearer "+key)
				req.Header.Set("User-Agent", agent)
				req.Header.Set("Content-Type", "application/json")
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				body, _ := io.ReadAll(res.Body)
				refused := strings.HasPrefix(agent, "tailjoin") && c.want != ""
				if got := res.StatusCode == http.StatusTeapot; got != refused || refused && !strings.Contains(string(body), c.want) {
					t.Errorf("%s: %d %s, want a refusal: %t, %q", agent, res.StatusCode, body, refused, c.want)
				}
			}
		})
	}
	want := []string{"GET /tailnet/-/nothing", "GET /tailnet/{tailnet}/keys", "POST /oauth/token", "POST /tailnet/{tailnet}/keys", "PUT /tailnet/-/devices"}
	if d := cmp.Diff(want, tn.Operations()); d != "" {
		t.Errorf("operations (-want +got):\n%s", d)
	}
}

func TestListKeys_withoutAllIsOfTheActorsKind(t *testing.T) {
	tn := start(t, Options{})
	tn.MintKey(KeyOptions{Tags: []string{"tag:ci"}, Description: "of the owner"})
	tn.MintKey(KeyOptions{Tags: []string{"tag:ci"}, User: "other@example.com"})
	person, client := tn.MintAPIKey(time.Hour), bearer(t, tn, "all").token
	federated := tn.addToken(accessToken{client: clientID, scopes: []string{"all"}, expires: time.Now().Add(time.Hour)})
	if status, answer := requestAs(t, tn, client, "POST /tailnet/-/keys", `{"capabilities":{"devices":{"create":{"tags":["tag:ci"]}}}}`); status != 200 || strings.Contains(answer, "userId") {
		t.Fatalf("a key of a client: %d %s; want no user", status, answer)
	}
	if _, answer := requestAs(t, tn, person, "POST /tailnet/-/keys", `{"keyType":"client","scopes":["dns"]}`); !strings.Contains(answer, `"userId":"u1CNTRL"`) {
		t.Fatalf("a client of a person: %s; want its user", answer)
	}
	for name, c := range map[string]struct {
		token string
		want  map[string]int // by kind
	}{
		"a person":                      {person, map[string]int{"auth": 1, "client": 1}},
		"an OAuth client":               {client, map[string]int{"client": 2}},
		"a federated identity":          {federated, map[string]int{"federated": 1}},
		"a person, with all":            {person + " all", map[string]int{"auth": 3, "client": 2, "federated": 1}},
		"a federated identity with all": {federated + " all", map[string]int{"auth": 3, "client": 2, "federated": 1}},
	} {
		token, all, _ := strings.Cut(c.token, " ")
		query := map[string]string{"": "", "all": "?all=true"}[all]
		_, answer := requestAs(t, tn, token, "GET /tailnet/-/keys"+query, "")
		got := map[string]int{}
		for _, kind := range []string{"auth", "client", "federated"} {
			if n := strings.Count(answer, fmt.Sprintf(`"keyType":%q`, kind)); n > 0 {
				got[kind] = n
			}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestOAuthToken_narrowsAsTailscaleDoes(t *testing.T) {
	tn := start(t, Options{})
	if err := tn.SetPolicy(`{"tagOwners": {"tag:ci": [], "tag:server": [], "tag:deploy": ["tag:ci"]}}`); err != nil {
		t.Fatal(err)
	}
	tn.AddCredential(Credential{ClientID: "k1", Secret: "s", Scopes: []string{"auth_keys", "services"}, Tags: []string{"tag:ci", "tag:server"}})
	tn.AddCredential(Credential{ClientID: "k2", Secret: "every", Scopes: []string{"all"}})
	for name, c := range map[string]struct{ secret, scope, tags, want string }{
		"everything":                     {"s", "", "", "200 auth_keys services, tag:ci tag:server"},
		"one scope":                      {"s", "auth_keys:read", "", "200 auth_keys:read, tag:ci tag:server"},
		"a scope that does not exist":    {"s", "auth_keys,services", "tag:ci", "200 auth_keys services, tag:ci tag:server"},
		"one that exists and one not":    {"s", "auth_keys nothing", "", "200 auth_keys, tag:ci tag:server"},
		"a scope that it lacks":          {"s", "dns", "", `403 OAuth client cannot grant scopes "dns"`},
		"all of its tags":                {"s", "auth_keys", "tag:server tag:ci", "200 auth_keys, tag:server tag:ci"},
		"a tag that its tag owns":        {"s", "auth_keys", "tag:deploy", "200 auth_keys, tag:deploy"},
		"one of its tags":                {"s", "auth_keys", "tag:ci", "400 requested tags [tag:ci] are invalid or not permitted"},
		"tags without a scope for them":  {"s", "services", "tag:deploy", "400 tags need one of the scopes devices and auth_keys"},
		"less than all, with a tag":      {"every", "auth_keys", "tag:server", "200 auth_keys, tag:server"},
		"less than all, without a tag":   {"every", "auth_keys", "", "200 auth_keys, "},
		"all, and a tag that is not one": {"every", "auth_keys", "tag:none", "400 requested tags [tag:none] are invalid or not permitted"},
	} {
		form := map[string][]string{"client_secret": {c.secret}, "scope": {c.scope}, "tags": {c.tags}}
		status, answer := post(t, tn, "/api/v2/oauth/token", form, http.Header{})
		got := fmt.Sprint(status, " ", answer["message"])
		if status == 200 {
			tags, _ := answer["tags"].(string)
			got = fmt.Sprint(status, " ", answer["scope"], ", ", tags)
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestDevices_areFilteredByFields(t *testing.T) {
	tn := start(t, Options{})
	for name, o := range map[string]KeyOptions{
		"a": {Tags: []string{"tag:ci", "tag:server"}, Ephemeral: true}, "b": {Tags: []string{"tag:ci"}}, "c": {},
	} {
		tn.AddNode(name, o)
	}
	key := tn.MintAPIKey(time.Hour)
	for query, want := range map[string]string{
		"": "abc", "?tags=tag:ci": "ab", "?tags=tag:ci&tags=tag:server": "a", "?isEphemeral=true": "a", "?isEphemeral=false&tags=tag:ci": "b",
		"?hostname=c": "c", "?hostname=C": "", "?nothing=1": "", "?fields=all&hostname=b": "b", "?tags=tag": "",
	} {
		_, answer := requestAs(t, tn, key, "GET /tailnet/-/devices"+query, "")
		got := ""
		for _, name := range []string{"a", "b", "c"} {
			if strings.Contains(answer, `"hostname":"`+name+`"`) {
				got += name
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
}

func TestAttributes_byTheAPI(t *testing.T) {
	tn := start(t, Options{})
	a, b := tn.AddNode("a", KeyOptions{}), tn.AddNode("b", KeyOptions{})
	key := tn.MintAPIKey(time.Hour)
	at := func(n Node, attribute string) string { return "/device/" + n.ID + "/attributes/" + attribute }
	long := strings.Repeat("x", longestTextValue)
	for _, c := range []struct {
		request, body string
		status        int
		says          string
	}{
		{"POST " + at(a, "custom:run"), `{"value":"web.12_3","expiry":"2100-01-01T00:00:00Z","comment":"job 12"}`, 200, `"custom:run":"web.12_3"`},
		{"GET /device/" + a.ID + "/attributes", "", 200, `"expiries":{"custom:run":"2100-01-01T00:00:00Z"}`},
		{"POST " + at(a, "custom:run"), `{"value":7}`, 400, "of the same type"},
		{"POST " + at(b, "custom:run"), `{"value":true}`, 400, "of the same type"},
		{"POST " + at(b, "custom:Run"), `{"value":"x"}`, 400, "already there as"},
		{"POST " + at(a, "custom:long"), `{"value":"` + long + `"}`, 200, long},
		{"POST " + at(a, "custom:long"), `{"value":"` + long + `x"}`, 400, "at most 50"},
		{"POST " + at(a, "custom:a-b"), `{"value":1}`, 400, "letters, numbers, underscores and colons"},
		{"POST " + at(a, "custom:"+strings.Repeat("k", longestAttribute)), `{"value":1}`, 400, "longer than 128"},
		{"POST " + at(a, "node:os"), `{"value":"linux"}`, 400, "must begin with"},
		{"POST " + at(a, "custom:s"), `{"value":"a b"}`, 400, "underscores and periods"},
		{"POST " + at(a, "custom:s"), `{"value":1.5}`, 400, "integer"},
		{"POST " + at(a, "custom:s"), `{"value":[]}`, 400, "string, a number or a boolean"},
		{"POST " + at(a, "custom:s"), `{}`, 400, "string, a number or a boolean"},
		{"POST " + at(a, "custom:s"), `{"value":1,"comment":"` + strings.Repeat("x", 201) + `"}`, 400, "at most 200"},
		{"POST " + at(a, "custom:s"), `{"value":1,"ttl":3}`, 400, "unknown field"},
		{"POST " + at(a, "custom:gone"), `{"value":true,"expiry":"2020-01-01T00:00:00Z"}`, 200, `"attributes":{`},
		{"DELETE " + at(a, "custom:long"), "", 200, ""},
		{"DELETE " + at(a, "custom:long"), "", 200, ""},
		{"DELETE " + at(a, "node:os"), "", 400, "must begin with"},
		{"DELETE /device/nNONE/attributes/custom:run", "", 404, "not found"},
		{"PATCH /tailnet/-/device-attributes", `{"nodes":{"` + a.ID + `":{"custom:run":null,"custom:n":{"value":3}},"` + b.ID + `":{"custom:n":{"value":4}}},"comment":"all"}`, 200, "null"},
		{"PATCH /tailnet/-/device-attributes", `{"nodes":{"` + a.ID + `":{"custom:n":{"value":"x"},"custom:m":{"value":1}}}}`, 400, "of the same type"},
		{"GET /device/" + b.ID + "/attributes", "", 200, `"custom:n":4`},
	} {
		status, answer := requestAs(t, tn, key, c.request, c.body)
		if status != c.status || !strings.Contains(answer, c.says) {
			t.Errorf("%s %s: %d %s, want %d and %q", c.request, c.body, status, answer, c.status, c.says)
		}
	}
	_, answer := requestAs(t, tn, key, "GET /device/"+a.ID+"/attributes", "")
	for word, want := range map[string]bool{"custom:run": false, "custom:n": true, "custom:m": false, "custom:gone": false, "custom:long": false, "node:": true} {
		if got := strings.Contains(answer, word); got != want {
			t.Errorf("%s is shown: %t, want %t: %s", word, got, want, answer)
		}
	}
}

func TestTailnet_hasAnID(t *testing.T) {
	tn := start(t, Options{Name: "acme.example"})
	key := tn.MintAPIKey(time.Hour)
	for name, want := range map[string]int{"-": 200, "acme.example": 200, tn.id: 200, "T1CNTRL": 404} {
		if status, _ := requestAs(t, tn, key, "GET /tailnet/"+name+"/devices", ""); status != want {
			t.Errorf("%s: %d, want %d", name, status, want)
		}
	}
}

func TestPolicyAPI_anEmptyBody(t *testing.T) {
	tn := start(t, Options{})
	key := tn.MintAPIKey(time.Hour)
	before := tn.Policy()
	if err := tn.SetPolicy(onlyCI); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"", " \n"} {
		if status, answer := requestAs(t, tn, key, "POST /tailnet/-/acl/validate", body); status != 200 || strings.TrimSpace(answer) != "{}" || tn.Policy() == before {
			t.Errorf("validating: %d %s; want that the live policy is good, and stays", status, answer)
		}
	}
	if status, _ := requestAs(t, tn, key, "POST /tailnet/-/acl", ""); status != 200 || tn.Policy() != before || !tn.state.policy.untouched {
		t.Errorf("setting: %d; want the policy of a new tailnet", status)
	}
}
