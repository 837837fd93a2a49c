package idtoken

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/kballard/go-shellquote"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/lazy"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// usual are the keys under which services give ID tokens.
var usual = []string{"id_token", "idToken", "value", "token", "access_token", "oidcToken"}

func (w Wish) keys() []string {
	if w.Key != "" {
		return []string{w.Key}
	}
	return usual
}

// taken is the token in an answer: the answer itself, or a value of it if it
// is JSON or must be.
func (w Wish) taken(answer []byte) (string, error) {
	text := strings.TrimSpace(string(answer))
	if w.Key == "" && !strings.HasPrefix(text, "{") {
		return text, nil
	}
	return pick([]byte(text), w.keys())
}

// own is the part of a source that is the same for all that users describe.
func own(w Wish, title, giver string) Source {
	return Source{
		Name: withoutSecrets(w.Source), Title: title, Audience: Configured, wish: w,
		Trust:   Trust{"the token's iss", "the token's sub", "the token's aud"},
		missing: func(job) *diag.Problem { return nil },
		words: words{
			giver:   giver,
			refused: "see that id-token-source says where the token really is",
			silent:  "see that it can be reached from here",
			setting: "have the token made for the audience\n  AUDIENCE\nor give as audience what the token has, and write the same into the trust credential",
		},
	}
}

// withoutSecrets is a source as messages may name it: an address without user,
// password and query, and a program without its words.
func withoutSecrets(source string) string {
	kind, rest, _ := strings.Cut(source, ":")
	switch kind {
	case "command":
		rest = strings.TrimSpace(rest)
		if program, _, more := strings.Cut(rest, " "); more {
			return "command:" + program + " …"
		}
	case "url":
		u, err := url.Parse(rest)
		if err != nil {
			return "url:…"
		}
		hidden := u.User != nil || u.RawQuery != "" || u.Fragment != ""
		u.User, u.RawQuery, u.Fragment = nil, "", ""
		if hidden {
			return "url:" + u.String() + " …"
		}
	}
	return source
}

const variableName lazy.Pattern = `^[A-Za-z_][A-Za-z0-9_]*$`

// given is a source that is a token.
func given(w Wish) Source {
	s := own(w, "the flag --id-token", "the flag --id-token")
	s.Name = "--id-token"
	s.read = func(j job) (string, error) { return j.Token.Reveal(), nil }
	return s
}

// variable is a source that is an environment variable.
func variable(w Wish, name string) (Source, error) {
	if !variableName.Matches(name) {
		return Source{}, diag.Input("id-token-source: env: wants the name of a variable, not its value", "write env:NAME, such as env:TS_ID_TOKEN")
	}
	s := own(w, "the variable "+name, "the variable "+name)
	s.secrets = []string{name}
	s.missing = needs("set it in the pipeline, to a token for the audience of the trust credential:\n"+
		"on GitLab by id_tokens, on Jenkins by a credential that is bound to it", name)
	s.read = func(j job) (string, error) { return j.taken([]byte(j.Env(name))) }
	return s, nil
}

// file is a source that is a file. It is read each time: who writes it renews
// it.
func file(w Wish, path string) (Source, error) {
	if path == "" {
		return Source{}, diag.Input("id-token-source: file: wants a path", "write file:PATH, such as file:/var/run/secrets/tokens/tailscale")
	}
	s := own(w, "the file "+path, "the file "+path)
	s.missing = func(job) *diag.Problem {
		info, err := os.Stat(path)
		switch {
		case err == nil && info.IsDir():
			return noToken("id-token-source names a directory, not a file with a token", "name the file in it: file:"+path+"/token, for one", nil)
		case err != nil:
			return noToken("there is no token in the file that id-token-source names", "see that the platform writes it, and that this job's user may read it", err)
		}
		return nil
	}
	s.read = func(j job) (string, error) {
		raw, err := os.ReadFile(path)
		if err != nil {
			return "", noToken("the file that id-token-source names cannot be read", "let this job's user read it", err)
		}
		return j.taken(raw)
	}
	return s, nil
}

// address is a source that is asked by HTTP, over a Unix socket too.
func address(w Wish, where string) (Source, error) {
	socket, path, isSocket := cutSocket(where)
	if !isSocket {
		if err := checkURL(where); err != nil {
			return Source{}, err
		}
	}
	lines, err := w.headerLines()
	if err != nil {
		return Source{}, err
	}
	s := own(w, "a URL", "the service that id-token-source names")
	s.missing = func(j job) *diag.Problem { return j.unset(lines) }
	s.fetch = func(ctx context.Context, j job) (string, error) {
		a := ask{url: where, header: expand(lines, j.Env), body: j.Body}
		client := j.remote()
		if isSocket {
			a.url, client = "http://localhost"+path, overSocket(socket)
		} else if isNear(where) {
			client = metadata()
		}
		if a.body != "" {
			a.method = http.MethodPost
		}
		body, err := a.send(ctx, client)
		if err != nil {
			return "", err
		}
		return j.taken(body)
	}
	return s, nil
}

// cutSocket takes http+unix:///run/api.sock:/v1/token apart.
func cutSocket(address string) (socket, path string, ok bool) {
	rest, ok := strings.CutPrefix(address, "http+unix://")
	socket, path, found := strings.Cut(rest, ":/")
	return socket, "/" + path, ok && found && strings.HasPrefix(socket, "/")
}

func checkURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return diag.Input("id-token-source: url: wants an address", "write url:https://HOST/PATH, or url:http+unix:///SOCKET:/PATH")
	case u.Scheme == "http" && !isNear(address):
		return diag.Input("id-token-source: plain http:// would show the token to the network",
			"only a loopback or link-local address may be http://", diag.Fact{Name: "host", Value: u.Host})
	}
	return nil
}

// isNear holds for what never leaves the machine or its link: a sidecar, or a
// cloud's metadata service.
func isNear(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return u.Hostname() == "localhost"
	}
	return ip.IsLoopback() || ip.IsLinkLocalUnicast() || amazonLocal.Contains(ip)
}

// amazonLocal is where EC2 and EKS have their services in IPv6.
var amazonLocal = netip.MustParsePrefix("fd00:ec2::/32")

// A headerLine is one header as the user wrote it.
type headerLine struct{ name, value string }

const headerName lazy.Pattern = `^[A-Za-z0-9-]+$`

func (w Wish) headerLines() (lines []headerLine, err error) {
	for line := range strings.Lines(w.Headers.Reveal()) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !headerName.Matches(name) {
			return nil, diag.Input(fmt.Sprintf("line %d of id-token-headers is no header", len(lines)+1), "write lines such as\n  Authorization: Bearer ${MY_TOKEN}")
		}
		lines = append(lines, headerLine{name, strings.TrimSpace(value)})
	}
	return lines, nil
}

// placeholder is a variable in a header's value.
const placeholder lazy.Pattern = `\$\{([A-Za-z_][A-Za-z0-9_]*)\}`

func expand(lines []headerLine, env Env) http.Header {
	header := http.Header{}
	for _, line := range lines {
		header.Add(line.name, line.expanded(env))
	}
	return header
}

func (l headerLine) expanded(env Env) string {
	return placeholder.Regexp().ReplaceAllStringFunc(l.value, func(name string) string {
		return strings.TrimSpace(env(strings.Trim(name, "${}")))
	})
}

// unset finds a header whose variable is not there.
func (j job) unset(lines []headerLine) *diag.Problem {
	for _, line := range lines {
		for _, found := range placeholder.Regexp().FindAllStringSubmatch(line.value, -1) {
			if j.Env(found[1]) == "" {
				return noToken("a header of id-token-headers needs a variable that is not set", "set it for this step, or correct its name", nil,
					diag.Fact{Name: "header", Value: line.name}, diag.Fact{Name: "variable", Value: found[1]})
			}
		}
	}
	return nil
}

// publicWords are words of headers that are no secret: how one authorizes, and
// what metadata services and APIs require.
var publicWords = []string{"bearer", "basic", "digest", "negotiate", "token", "apikey", "google", "application/json"}

// secrets are the words of the headers and of the body, and the values in a body
// that is JSON or a form.
func (w Wish) secrets(env Env) (all []secret.Text) {
	lines, _ := w.headerLines()
	words := append(strings.Fields(w.Body), w.addressSecrets()...)
	for _, line := range lines {
		value := line.expanded(env)
		words = append(append(words, strings.Fields(value)...), strings.FieldsFunc(value, isSeparator)...)
	}
	words = append(words, w.bodyValues()...)
	slices.Sort(words)
	for _, word := range slices.Compact(words) {
		if !slices.Contains(publicWords, strings.ToLower(word)) {
			all = append(all, secret.New(word))
		}
	}
	return all
}

// isSeparator stands between the parts of a header such as a cookie.
func isSeparator(r rune) bool { return strings.ContainsRune(" \t;,=\"", r) }

// addressSecrets are the password and the values of the query of a URL.
func (w Wish) addressSecrets() (all []string) {
	u, err := url.Parse(strings.TrimPrefix(w.Source, "url:"))
	if err != nil || !strings.HasPrefix(w.Source, "url:") {
		return nil
	}
	if password, ok := u.User.Password(); ok {
		all = append(all, password)
	}
	for _, values := range u.Query() {
		all = append(all, values...)
	}
	return all
}

func (w Wish) bodyValues() (all []string) {
	var object any
	if json.Unmarshal([]byte(w.Body), &object) == nil {
		return texts(object)
	}
	form, _ := url.ParseQuery(w.Body)
	for _, values := range form {
		all = append(all, values...)
	}
	return all
}

// texts are all texts in a JSON value, but for the names.
func texts(value any) (all []string) {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		for _, each := range v {
			all = append(all, texts(each)...)
		}
	case map[string]any:
		for _, each := range v {
			all = append(all, texts(each)...)
		}
	}
	return all
}

// command is a source that is a program's standard output.
func command(w Wish, line string) (Source, error) {
	words, err := shellquote.Split(line)
	if err != nil || len(words) == 0 {
		return Source{}, diag.Input("id-token-source: command: cannot be split into words", "write command:PROGRAM ARGUMENTS; no shell reads it")
	}
	s := own(w, "a command", "the command that id-token-source names")
	s.missing = func(j job) *diag.Problem {
		return j.noProgram(words[0], "see that it is installed in this job, or give its path")
	}
	s.fetch = func(ctx context.Context, j job) (string, error) {
		out, err := j.run(ctx, words)
		if err != nil {
			return "", err
		}
		return j.taken(out)
	}
	return s, nil
}
