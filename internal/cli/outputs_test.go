package cli

import "testing"

// In a table GitHub reads \\ and \| as pairs, from the left, and a bare | ends the
// cell.
func TestCell_cannotBeLeft(t *testing.T) {
	for text, want := range map[string]string{
		`a|b`: "`a\\|b`", `a\|b`: "`a\\\\\\|b`", `a\\|b`: "`a\\\\\\\\\\|b`", `C:\dir`: "`C:\\dir`", "a`b\nc\rd": "`a'b cd`",
	} {
		got := cell(text)
		if got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
		for i := 0; i < len(got); i++ {
			switch got[i] {
			case '\\':
				i++
			case '|':
				t.Errorf("%q leaves its cell: %q", text, got)
			}
		}
	}
}
