// Package nesting finds how far objects and lists of HuJSON are inside each
// other, before a parser does that calls itself for each level.
package nesting

import "bytes"

// Exceeds returns the offset at which more than most objects and lists are open,
// or -1. It reads texts and comments as hujson.Parse does, so that a bracket in
// one of them does not count; of text that is not HuJSON only what comes before
// the error matters.
func Exceeds(text []byte, most int) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '[', '{':
			if depth++; depth > most {
				return i
			}
		case ']', '}':
			depth = max(depth-1, 0)
		case '"':
			i += quoted(text[i:]) - 1
		case '/':
			i += max(comment(text[i:]), 1) - 1
		}
	}
	return -1
}

// quoted is the length of the text in quotes that b begins with.
func quoted(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// comment is the length of the comment that b begins with, or 0.
func comment(b []byte) int {
	for _, form := range [][2]string{{"//", "\n"}, {"/*", "*/"}} {
		if !bytes.HasPrefix(b, []byte(form[0])) {
			continue
		}
		if end := bytes.Index(b[2:], []byte(form[1])); end >= 0 {
			return 2 + end + len(form[1])
		}
		return len(b)
	}
	return 0
}
