package keyring

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Whatever claims can be is the same as by encoding/json, to whoever decodes
// it.
func TestAppendJSON_saysWhatEncodingJSONSays(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]any{
		"nothing":    nil,
		"no members": map[string]any{},
		"no texts":   map[string]any{"aud": []string{}},
		"claims": map[string]any{
			"iss": "https://sts.example.ts.net", "aud": []string{"a", "b"}, "exp": int64(1787191200), "on": true, "n": 1.5, "i": 7,
			"node": map[string]any{"tags": []string{"tag:web"}, "list": []any{"x", map[string]any{"y": int64(-1)}}},
		},
		"odd texts": map[string]any{
			"quote\"": "back\\slash", "line\n": "\x00\x1f\x7f", "Ü": "\u2028 \U0001F44B", "html": "<&>", "bad": "\xff\xc3(", "": "",
		},
	} {
		got, err := appendJSON(nil, v)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(decoded(t, want), decoded(t, got)); d != "" {
			t.Errorf("%s (-encoding/json +ours):\n%s\n%s", name, d, got)
		}
	}
}

func TestAppendJSON_failsWhereEncodingJSONFails(t *testing.T) {
	t.Parallel()
	for _, v := range []any{make(chan int), map[string]any{"a": make(chan int)}, map[string]any{"a": []any{func() {}}}} {
		if got, err := appendJSON(nil, v); err == nil {
			t.Errorf("%T is %s", v, got)
		}
	}
}

func FuzzAppendJSON_text(f *testing.F) {
	for _, text := range []string{"", "plain", "\"", "\\", "\xff", "Ü", "\u2028"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := appendJSON(nil, map[string]any{text: text})
		want, wantErr := json.Marshal(map[string]any{text: text})
		if err != nil || wantErr != nil || cmp.Diff(decoded(t, want), decoded(t, got)) != "" {
			t.Errorf("%q: %s (%v), want %s (%v)", text, got, err, want, wantErr)
		}
	})
}

func decoded(t *testing.T, raw []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return v
}
