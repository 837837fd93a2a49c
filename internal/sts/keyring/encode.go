package keyring

import (
	"encoding/json"
	"strconv"
	"strings"
)

// appendJSON is json.Marshal for what claims are made of, in a third of the
// time: members are in no order, and reflection looks only at what is unusual.
func appendJSON(dst []byte, v any) (_ []byte, err error) {
	switch v := v.(type) {
	case string:
		return appendText(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case []string:
		return appendTexts(dst, v)
	case map[string]any:
		return appendMembers(dst, v)
	}
	return appendOther(dst, v)
}

func appendMembers(dst []byte, members map[string]any) (_ []byte, err error) {
	dst = append(dst, '{')
	for name, value := range members {
		if dst, err = appendText(dst, name); err != nil {
			return nil, err
		}
		if dst, err = appendJSON(append(dst, ':'), value); err != nil {
			return nil, err
		}
		dst = append(dst, ',')
	}
	return closed(dst, '}'), nil
}

func appendTexts(dst []byte, texts []string) (_ []byte, err error) {
	dst = append(dst, '[')
	for _, text := range texts {
		if dst, err = appendText(dst, text); err != nil {
			return nil, err
		}
		dst = append(dst, ',')
	}
	return closed(dst, ']'), nil
}

// closed puts an end in the place of the last comma, or behind what is empty.
func closed(dst []byte, end byte) []byte {
	if last := len(dst) - 1; dst[last] == ',' {
		dst[last] = end
		return dst
	}
	return append(dst, end)
}

func appendText(dst []byte, text string) ([]byte, error) {
	if strings.ContainsFunc(text, isSpecial) {
		return appendOther(dst, text)
	}
	return append(append(append(dst, '"'), text...), '"'), nil
}

// isSpecial holds for what may have to be written in another way.
func isSpecial(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }

func appendOther(dst []byte, v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	return append(dst, raw...), err
}
