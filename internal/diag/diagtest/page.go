package diagtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A page is docs/errors.md: text, and between it the blocks that are samples.
type page struct {
	codes  []string // its headings of the second level
	blocks []*block
	texts  []string // texts[i] stands before blocks[i]; one more stands at the end
}

// A block is one sample of a code.
type block struct {
	code string // the heading above it
	from string // the package that renders it
	text string
}

const (
	heading = "## "
	opening = "```text "
	closing = "```"
)

func pagePath(t *testing.T) string {
	t.Helper()
	return filepath.Join(root(t), "docs", "errors.md")
}

func readPage(t *testing.T, path string) *page {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return parse(strings.ReplaceAll(string(raw), "\r\n", "\n"))
}

func parse(content string) *page {
	p := &page{}
	var text strings.Builder
	var open *block
	for line := range strings.Lines(content) {
		bare := strings.TrimSuffix(line, "\n")
		if open != nil && bare != closing {
			open.text += line
			continue
		}
		open = nil
		text.WriteString(line)
		if code, ok := strings.CutPrefix(bare, heading); ok {
			p.codes = append(p.codes, code)
		}
		if from, ok := strings.CutPrefix(bare, opening); ok {
			open = &block{code: last(p.codes), from: from}
			p.blocks, p.texts = append(p.blocks, open), append(p.texts, text.String())
			text.Reset()
		}
	}
	p.texts = append(p.texts, text.String())
	return p
}

func last(codes []string) string {
	if len(codes) == 0 {
		return ""
	}
	return codes[len(codes)-1]
}

// from is the samples of one package, by code, in the page's order.
func (p *page) from(name string) map[string][]*block {
	blocks := map[string][]*block{}
	for _, b := range p.blocks {
		if b.from == name {
			blocks[b.code] = append(blocks[b.code], b)
		}
	}
	return blocks
}

func (p *page) String() string {
	var b strings.Builder
	for i, text := range p.texts {
		b.WriteString(text)
		if i < len(p.blocks) {
			b.WriteString(p.blocks[i].text)
		}
	}
	return b.String()
}

func (p *page) write(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(p.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
