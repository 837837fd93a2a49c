package vis

import "testing"

// The wanted values were printed by strvis of libbsd 0.11.
func TestEncode(t *testing.T) {
	tests := map[string]string{
		"/Users/runner/work/_temp/tj-a1": "/Users/runner/work/_temp/tj-a1",
		"/Users/Läufer für CI/_temp":     "/Users/LM-CM-$ufer fM-CM-<r CI/_temp",
		"\x7f\x01":                       "^?^A",
		"\xa0\xff\x80\xc3":               `\240M^?M^@M-C`,
		`back\slash "quoted" %s`:         `back\slash "quoted" %s`,
		"日本":                             "M-fM^WM-%M-fM^\\M-,",
	}
	for s, want := range tests {
		if got := Encode(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}
