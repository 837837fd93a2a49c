// Package vis writes arguments as the ps of macOS prints them.
package vis

import "strings"

// Encode replaces the bytes that strvis(3) replaces in the C locale with the
// flag VIS_NOSLASH: everything that is not ASCII, and control characters but tab
// and newline, for which systems differ. Source: print.c of ps in Apple's
// adv_cmds.
func Encode(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		write(&b, c)
	}
	return b.String()
}

func write(b *strings.Builder, c byte) {
	if c&0x7f == ' ' && c != ' ' { // a space with the high bit would look like one
		b.WriteString(`\240`)
		return
	}
	if c&0x80 != 0 {
		c &= 0x7f
		b.WriteByte('M')
		if !isControl(c) {
			b.WriteByte('-')
		}
	}
	switch {
	case c == 0x7f:
		b.WriteString("^?")
	case isControl(c):
		b.Write([]byte{'^', c + '@'})
	default:
		b.WriteByte(c)
	}
}

func isControl(c byte) bool { return c < ' ' || c == 0x7f }
