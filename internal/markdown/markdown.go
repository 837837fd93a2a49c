// Package markdown puts text that may hold anything into Markdown, where it
// stays text: file names, answers of servers, what stands in a policy.
package markdown

import "strings"

// special are the characters that begin something inside a line of Markdown, or
// of GitHub's form of it.
const special = "\\`*_[]>|~$"

// Text is text on a line of Markdown that looks as it is: no link, no mention,
// no HTML, no end of a cell in a table.
func Text(text string) string {
	var b strings.Builder
	for _, r := range OneLine(text) {
		entity, ok := entities[r]
		switch {
		case ok:
			b.WriteString(entity)
		case strings.ContainsRune(special, r):
			b.WriteString("\\" + string(r))
		default:
			b.WriteRune(r)
		}
	}
	return strings.ReplaceAll(b.String(), "www.", "www&#46;") // an address, to GitHub
}

// entities are for characters that GitHub looks for after it has read Markdown,
// where a backslash does not help: of HTML, mentions, issues and addresses.
var entities = map[rune]string{'@': "&#64;", ':': "&#58;", '<': "&lt;", '&': "&amp;", '#': "&#35;"}

// Code is text in the form of code, also in the cell of a table.
func Code(text string) string {
	return "`" + strings.NewReplacer("`", "'", "|", "¦").Replace(OneLine(text)) + "`"
}

// Fence is lines in the form of code.
func Fence(language, text string) string {
	marks := "```"
	for strings.Contains(text, marks) {
		marks += "`"
	}
	return marks + language + "\n" + strings.TrimRight(text, "\n") + "\n" + marks + "\n"
}

// OneLine is text without line breaks.
func OneLine(text string) string {
	return strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ").Replace(text)
}
