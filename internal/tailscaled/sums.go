package tailscaled

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"os"
	"strings"
)

// sums are the SHA-256 of files by name, in lower-case hexadecimal.
type sums map[string]string

// readSums reads a file as sha256sum writes it: a sum, two blanks and a name
// in each line.
func readSums(name string) (sums, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := sums{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		sum, file, ok := strings.Cut(lines.Text(), "  ")
		if !ok || !isSHA256(sum) {
			return nil, fmt.Errorf("reading %s: %q is not a sum and a name", name, lines.Text())
		}
		s[file] = strings.ToLower(sum)
	}
	return s, lines.Err()
}

//go:embed known.json
var knownJSON []byte

// known returns the sum of a package of Tailscale's if it is in the table that
// scripts/known-sums keeps, after it has verified the signatures.
func (in Install) known(file string) (sum string, ok bool) {
	if in.knownSums != nil {
		sum, ok = in.knownSums[file]
		return sum, ok
	}
	versions, err := parseKnown(knownJSON)
	if err != nil {
		panic(err) // A test reads the table in the tree.
	}
	for _, files := range versions {
		if sum, ok := files[file]; ok {
			return sum, true
		}
	}
	return "", false
}

// parseKnown reads known.json: version → file → SHA-256.
func parseKnown(data []byte) (map[string]map[string]string, error) {
	var versions map[string]map[string]string
	if err := json.Unmarshal(data, &versions); err != nil {
		return nil, fmt.Errorf("reading the table of known sums: %w", err)
	}
	return versions, nil
}

// isSHA256 says whether s is 64 hexadecimal digits.
func isSHA256(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == sha256.Size
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
