//go:build linux

package sts

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tailjoin/tailjoin/internal/sts/verifiers"
)

// The variables by which the process that fetches the packages tells the isolated one where they are, or why they are not.
const packagesAt, packagesMissing = "TAILJOIN_TEST_PACKAGES", "TAILJOIN_TEST_PACKAGES_MISSING"

// packages are those of testdata/npm, at the versions of its lock file, which are fetched once and kept, with the script that uses
// them.
func packages() (string, error) {
	lock, err := os.ReadFile("testdata/npm/package-lock.json")
	if err != nil {
		return "", err
	}
	dir, err := filepath.Abs(fmt.Sprintf("%s/.build/sts/npm-%.8x", root, sha256.Sum256(lock)))
	if err != nil {
		return "", err
	}
	cmd := exec.Command("sh", "-euc", `
if [ ! -e "$1/node_modules" ]; then
	mkdir -p "$1.new"
	cp package.json package-lock.json "$1.new"
	(cd "$1.new" && npm ci --ignore-scripts --no-audit --no-fund >&2)
	mv "$1.new" "$1"
fi
cp verify.mjs "$1"
`, "sh", dir)
	cmd.Dir = "testdata/npm"
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return dir, nil
}

// jose has jose say what is wrong with each claim, in a process of Node.js.
func jose(t *testing.T, claims []verifiers.Claim) (wrong []error) {
	t.Helper()
	if reason := os.Getenv(packagesMissing); reason != "" {
		t.Skip("jose is not to be had: ", reason)
	}
	in, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(os.Getenv(packagesAt), "verify.mjs"))
	var words bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &words
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, words.Bytes())
	}
	var said []string
	if err := json.Unmarshal(out, &said); err != nil || len(said) != len(claims) {
		t.Fatalf("jose says %q of %d tokens (%v)", out, len(claims), err)
	}
	for _, s := range said {
		if s == "" {
			wrong = append(wrong, nil)
			continue
		}
		wrong = append(wrong, errors.New(s))
	}
	return wrong
}
