package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// writeJSON writes v as a result.
func (f *front) writeJSON(v any) error { return writeJSONTo(f.streams[0], v) }

// writeJSONTo writes no ## into a job's log, where it could begin a command.
func writeJSONTo(out io.Writer, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, strings.ReplaceAll(string(text), "##", `#\u0023`)+"\n")
	return err
}

func claimText(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	text, _ := json.Marshal(value) // it came out of JSON
	return string(text)
}

// writeRows writes those that have a value.
func (f *front) writeRows(rows []variable) {
	var table [][]string
	for _, r := range rows {
		if r.value != "" {
			table = append(table, []string{r.name, r.value})
		}
	}
	f.writeTable(table)
}

// writeTable writes rows in columns. What is in them stays text, whatever it
// is, to a terminal and to the platform.
func (f *front) writeTable(rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, text := range row {
			row[i] = quoteControls(text)
			if i == len(widths) {
				widths = append(widths, 0)
			}
			if i < len(row)-1 { // the last one needs no room behind it
				widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
			}
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, text := range row {
			fmt.Fprintf(&line, "%-*s  ", widths[i], text)
		}
		fmt.Fprintln(f.streams[0], f.job.Harmless(strings.TrimRight(line.String(), " ")))
	}
}

func quoteControls(text string) string {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return strconv.Quote(text)
	}
	return text
}
