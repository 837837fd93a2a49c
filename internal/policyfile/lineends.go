package policyfile

import "bytes"

// LineEnds are the ends of the lines of a file.
type LineEnds int

const (
	LF    LineEnds = iota
	CRLF           // as git has them in a checkout on Windows, by default
	Mixed          // some of each
)

var lf, crlf = []byte("\n"), []byte("\r\n")

// NewSource returns the source of a file. Its text has LF: how lines end is no
// part of a policy.
func NewSource(name string, content []byte) Source {
	s := Source{Name: name, Text: content}
	switch n := bytes.Count(content, crlf); n {
	case 0:
		return s
	case bytes.Count(content, lf):
		s.Ends = CRLF
	default:
		s.Ends = Mixed
	}
	s.Text = bytes.ReplaceAll(content, crlf, lf)
	return s
}

// Content returns text with the line ends of the file; of a file that has some
// of each, with LF.
func (s Source) Content(text []byte) []byte {
	if s.Ends != CRLF {
		return text
	}
	return bytes.ReplaceAll(text, lf, crlf)
}
