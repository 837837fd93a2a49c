package trust

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/lazy"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// Formats are the ways to write a credential down, for those who make it in
// another way. api is the address of Tailscale's API.
var Formats = map[string]func(c tsapi.Credential, api string) string{
	"terraform":     func(c tsapi.Credential, _ string) string { return terraform(c) },
	"json":          func(c tsapi.Credential, _ string) string { return string(body(c, "  ")) },
	"curl":          curl,
	"admin-console": func(c tsapi.Credential, _ string) string { return console(c) },
}

// resources are those of tailscale/tailscale, the provider.
var resources = map[tsapi.Kind]string{tsapi.Federated: "tailscale_federated_identity", tsapi.OAuthClient: "tailscale_oauth_client"}

const notInNames lazy.Pattern = `[^A-Za-z0-9_]+`

func terraform(c tsapi.Credential) string {
	var b strings.Builder
	fmt.Fprintf(&b, "resource %q %q {\n", resources[c.Kind], label(c.Description))
	for _, a := range []struct{ name, value string }{
		{"description", c.Description}, {"issuer", c.Issuer}, {"subject", c.Subject}, {"audience", c.Audience},
	} {
		if a.value != "" {
			fmt.Fprintf(&b, "  %-11s = %s\n", a.name, hcl(a.value))
		}
	}
	fmt.Fprintf(&b, "  %-11s = %s\n", "scopes", hclList(c.Scopes))
	if len(c.Tags) > 0 {
		fmt.Fprintf(&b, "  %-11s = %s\n", "tags", hclList(c.Tags))
	}
	if len(c.Claims) > 0 {
		b.WriteString("  custom_claim_rules = {\n")
		paths := slices.Sorted(maps.Keys(c.Claims))
		width := 0
		for _, path := range paths {
			width = max(width, len(hcl(path)))
		}
		for _, path := range paths {
			fmt.Fprintf(&b, "    %-*s = %s\n", width, hcl(path), hcl(c.Claims[path]))
		}
		b.WriteString("  }\n")
	}
	return b.String() + "}\n"
}

// label names a resource; it begins with a letter.
func label(name string) string {
	name = strings.ToLower(notInNames.Regexp().ReplaceAllLiteralString(name, "_"))
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		return "c_" + name
	}
	return name
}

// hcl is a text in Terraform's language, in which ${ and %{ begin a template.
func hcl(text string) string {
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(text)
	return `"` + strings.NewReplacer("${", "$${", "%{", "%%{").Replace(quoted) + `"`
}

func hclList(items []string) string {
	var quoted []string
	for _, item := range items {
		quoted = append(quoted, hcl(item))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// body is what the API takes.
func body(c tsapi.Credential, indent string) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	_ = encoder.Encode(struct { // nothing in it cannot be encoded
		KeyType          tsapi.Kind        `json:"keyType"`
		Description      string            `json:"description"`
		Scopes           []string          `json:"scopes"`
		Tags             []string          `json:"tags,omitempty"`
		Issuer           string            `json:"issuer,omitempty"`
		Subject          string            `json:"subject,omitempty"`
		Audience         string            `json:"audience,omitempty"`
		CustomClaimRules map[string]string `json:"customClaimRules,omitempty"`
	}{c.Kind, c.Description, c.Scopes, c.Tags, c.Issuer, c.Subject, c.Audience, c.Claims})
	return b.Bytes()
}

// curl is a command for a shell. The access token comes by the standard input:
// a command line is for everybody to see.
func curl(c tsapi.Credential, api string) string {
	return "printf 'Authorization: Bearer %s' \"$TAILSCALE_API_KEY\" |\n" +
		"  curl --fail-with-body --header @- --header 'Content-Type: application/json' \\\n" +
		"    --data " + quoted(strings.TrimSpace(string(body(c, "")))) + " \\\n" +
		"    " + quoted(strings.TrimSuffix(api, "/")+"/api/v2/tailnet/-/keys") + "\n"
}

// quoted is one word for a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// safe are words that a shell takes as they are.
const safe lazy.Pattern = `^[A-Za-z0-9_@%+=:,./-]+$`

// console is what to fill in by hand.
func console(c tsapi.Credential) string {
	var b strings.Builder
	kind := map[tsapi.Kind]string{tsapi.Federated: "OpenID Connect", tsapi.OAuthClient: "OAuth"}[c.Kind]
	fmt.Fprintf(&b, "Open %s\nand choose Credential, then %s.\n\n", access.Credentials, kind)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %-12s %s\n", name, value)
		}
	}
	line("Description", c.Description)
	line("Issuer", c.Issuer)
	line("Subject", c.Subject)
	line("Audience", c.Audience)
	for _, path := range slices.Sorted(maps.Keys(c.Claims)) {
		line("Claim rule", path+" = "+c.Claims[path])
	}
	for _, scope := range c.Scopes {
		area, read := strings.CutSuffix(scope, ":read")
		line("Scope", area+": "+map[bool]string{true: "Read", false: "Write"}[read])
	}
	line("Tags", strings.Join(c.Tags, ", "))
	return b.String()
}

// command is a command line of tailjoin's that says all that a credential is.
func command(verb, nameOrID string, c tsapi.Credential) string {
	words := []string{"tailjoin", "trust", verb, nameOrID}
	add := func(name, value string) {
		if value != "" {
			words = append(words, "--"+name, value)
		}
	}
	if nameOrID != c.Description {
		add("name", c.Description)
	}
	if c.Kind != tsapi.Federated {
		add("kind", string(c.Kind))
	}
	add("issuer", c.Issuer)
	add("subject", c.Subject)
	add("audience", c.Audience)
	for _, path := range slices.Sorted(maps.Keys(c.Claims)) {
		add("claim", path+"="+c.Claims[path])
	}
	add("scope", strings.Join(c.Scopes, ","))
	add("tag", strings.Join(c.Tags, ","))
	for i, word := range words {
		if !safe.Matches(word) {
			words[i] = quoted(word)
		}
	}
	return strings.Join(words, " ")
}
