package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// escapes are the ways in which a text is written into others: by Go and JSON,
// in URLs, and in the commands of GitHub, Azure Pipelines, a shell and Markdown.
var escapes = []func(string) string{
	func(s string) string { return s },
	func(s string) string { return unquoted(strconv.Quote(s)) },
	func(s string) string { return unquoted(strconv.QuoteToASCII(s)) },
	func(s string) string { return unquoted(inJSON(s, true)) },
	func(s string) string { return unquoted(inJSON(s, false)) },
	url.QueryEscape,
	url.PathEscape,
	func(s string) string { return lowerHex(url.QueryEscape(s)) },
	func(s string) string { return lowerHex(url.PathEscape(s)) },
	replacer("%", "%25"),
	replacer("%", "%25", ":", "%3A", ",", "%2C"),
	replacer("%", "%AZP25"),
	replacer("'", `'\''`),
	replacer("|", `\|`, "`", "'"),
}

// forms are the ways to write a line. A text may be escaped twice: JSON in an
// error that is quoted.
func forms(line string) (all []string) {
	for _, once := range escapes {
		for _, twice := range escapes {
			all = append(all, twice(once(line)))
		}
	}
	all = append(all, encoded(line)...)
	slices.Sort(all)
	return slices.Compact(all)
}

func unquoted(s string) string { return s[1 : len(s)-1] }

func inJSON(s string, html bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	e.Encode(s) // a string cannot fail
	return strings.TrimSpace(b.String())
}

func lowerHex(s string) string {
	b := []byte(s)
	for i := range b {
		if b[i] == '%' && i+2 < len(b) {
			copy(b[i:], strings.ToLower(s[i:i+3]))
		}
	}
	return string(b)
}

func replacer(pairs ...string) func(string) string {
	return strings.NewReplacer(pairs...).Replace
}

// leastEncoded is the length below which an encoded form could be a part of
// anything.
const leastEncoded = 8

// encoded are the characters that the line becomes in base64, at each of the
// three offsets that it may have in a longer text.
func encoded(line string) (all []string) {
	for offset := range 3 {
		text := strings.Repeat("\x00", offset) + line
		first, end := (8*offset+5)/6, 8*len(text)/6 // without characters that hold bits of others
		for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if form := alphabet.EncodeToString([]byte(text))[first:end]; len(form) >= leastEncoded {
				all = append(all, form)
			}
		}
	}
	return all
}

const keyPrefix = "tskey-"

// kinds are the kinds of Tailscale's keys, which may be shown.
var kinds = []string{"auth-", "client-", "api-", "scim-", "webhook-"}

// A Key is a key of Tailscale that stands in a text.
type Key struct {
	Text
	Kind string // "auth", "client", "api", "scim" or "webhook"; "" if the key does not say
}

// Keys finds the keys of Tailscale in text.
func Keys(text string) (all []Key) {
	for _, s := range keys([]byte(text)) {
		lower := strings.ToLower(text[:s.begin])
		begin := strings.LastIndex(lower, keyPrefix)
		kind := strings.Trim(lower[begin+len(keyPrefix):], "-")
		all = append(all, Key{New(text[begin:s.end]), kind})
	}
	return all
}

// keys finds what is secret in everything that looks like a key of Tailscale,
// from behind the part that says the key's kind.
func keys(p []byte) (spans []span) {
	for at := 0; ; {
		i := indexFold(p[at:], keyPrefix)
		if i < 0 {
			return spans
		}
		begin := at + i + len(keyPrefix)
		for _, kind := range kinds {
			if hasPrefixFold(p[begin:], kind) {
				begin += len(kind)
				break
			}
		}
		end := begin
		for end < len(p) && inKey(p[end]) {
			end++
		}
		if rest := strings.ToLower(strings.Trim(string(p[begin:end]), "-_")); rest != "" && !slices.Contains(kinds, rest+"-") {
			spans = append(spans, span{begin, end})
		}
		at = max(end, begin)
	}
}

func inKey(c byte) bool {
	return c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// indexFold is bytes.Index without regard to the case of ASCII letters: a
// resolver asks for names in lower case.
func indexFold(p []byte, lower string) int {
	for i := 0; i+len(lower) <= len(p); i++ {
		next := bytes.IndexAny(p[i:], lower[:1]+strings.ToUpper(lower[:1]))
		if next < 0 {
			return -1
		}
		if i += next; hasPrefixFold(p[i:], lower) {
			return i
		}
	}
	return -1
}

func hasPrefixFold(p []byte, prefix string) bool {
	return len(p) >= len(prefix) && strings.EqualFold(string(p[:len(prefix)]), prefix)
}
