// Command notices prints the licences of linked packages. scripts/notices gives it a line for each:
// its module and version, a tab, the module's directory, a tab, the package's directory.
package main

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	text, err := notices(bufio.NewScanner(os.Stdin))
	if err != nil {
		fmt.Fprintln(os.Stderr, "collecting licences:", err)
		os.Exit(1)
	}
	fmt.Print(text)
}

const preface = `Third-party software in tailjoin, in tailjoin-sts, and in the tailscaled that the releases carry.
Made by scripts/notices out of what is linked; not to be edited.

`

func notices(packages *bufio.Scanner) (string, error) {
	modules := map[string][]string{}
	for packages.Scan() {
		fields := strings.Split(packages.Text(), "\t")
		if len(fields) != 3 {
			return "", fmt.Errorf("not a module and two directories: %q", packages.Text())
		}
		modules[fields[0]] = append(modules[fields[0]], between(fields[1], fields[2])...)
	}
	users := map[string][]string{} // of a licence, by its text
	for _, module := range slices.Sorted(maps.Keys(modules)) {
		texts, err := licences(modules[module])
		if err != nil {
			return "", fmt.Errorf("%s: %w", module, err)
		}
		for text := range texts {
			users[text] = append(users[text], module)
		}
	}
	return preface + list(slices.Sorted(maps.Keys(modules))) + sections(users), packages.Err()
}

// between returns the directories from the module's own to the package's: code within a module may be somebody else's.
func between(module, pkg string) (dirs []string) {
	for dir := pkg; len(dir) >= len(module); dir = filepath.Dir(dir) {
		dirs = append(dirs, dir)
	}
	return dirs
}

var licenceFile = regexp.MustCompile(`(?i)^(licen[sc]e|copying|notice|patents)([.-]\w+)?$`)

// licences returns the texts of the licence files in the directories. None at all is an error: such a module may not be shipped.
func licences(dirs []string) (map[string]bool, error) {
	texts := map[string]bool{}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if e.IsDir() || !licenceFile.MatchString(e.Name()) || filepath.Ext(e.Name()) == ".go" {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, err
			}
			texts[strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n"))] = true
		}
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("no licence file")
	}
	return texts, nil
}

func list(names []string) string { return "  " + strings.Join(names, "\n  ") + "\n" }

// sections is every licence once, under the names of those who use it.
func sections(users map[string][]string) string {
	var sections []string
	for text, names := range users {
		sections = append(sections, strings.Repeat("-", 80)+"\n"+list(names)+"\n"+text+"\n")
	}
	slices.Sort(sections)
	return "\n" + strings.Join(sections, "\n")
}
