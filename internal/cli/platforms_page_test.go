package cli

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// platformsPage says where tailjoin was run, and by which tests.
const platformsPage = "../../docs/platforms.md"

func TestPlatforms_READMEShowsThePage(t *testing.T) {
	part{"README.md", "<!-- platforms: go test ./internal/cli -update -->\n", "<!-- /platforms -->", platformsTable}.compare(t)
}

// A row of the page is a platform, how it ran, what ran, and the tests.
type platformRow struct{ platform, how, what, tests string }

func platformRows() (rows []platformRow) {
	raw, err := os.ReadFile(platformsPage)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(raw)) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| platform |") || strings.HasPrefix(line, "| --- |") {
			continue
		}
		cells := append(strings.Split(strings.Trim(line, "| \n"), " | "), "", "", "")
		rows = append(rows, platformRow{cells[0], cells[1], cells[2], cells[3]})
	}
	return rows
}

func platformsTable() string {
	var b strings.Builder
	b.WriteString("| platform | |\n| --- | --- |\n")
	for _, row := range platformRows() {
		b.WriteString("| " + row.platform + " | " + row.how + " |\n")
	}
	return b.String()
}

var testName = regexp.MustCompile("`(Test[A-Za-z0-9_]+)")

// What is said to have run is shown by a test, and each test that is named exists.
func TestPlatforms_areShownByTestsThatExist(t *testing.T) {
	all := testFiles(t)
	rows := platformRows()
	if len(rows) < 15 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, row := range rows {
		named := testName.FindAllStringSubmatch(row.tests, -1)
		if len(named) == 0 && (row.tests != "none" || row.how != "read only") {
			t.Errorf("%s: %q, and no test is named", row.platform, row.how)
		}
		for _, test := range named {
			if !strings.Contains(all, "\nfunc "+test[1]+"(") {
				t.Errorf("%s: there is no test %s", row.platform, test[1])
			}
		}
	}
}

// testFiles is the text of all tests of this repository.
func testFiles(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if name := entry.Name(); entry.IsDir() && path != "../.." && strings.HasPrefix(name, ".") {
			return filepath.SkipDir
		}
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		raw, err := os.ReadFile(path)
		b.Write(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
