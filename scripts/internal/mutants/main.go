// Command mutants changes one guarding line at a time and sees that a test fails for it.
//
//	mutants [-only TEXT] [-jobs N] TABLE
//
// The table has a block for each mutant, and blocks are divided by an empty line:
//
//	internal/join/session.go       the file
//	- info.Mode().Perm()&0o077     text that is in it once
//	+ info.Mode().Perm()&0o007     what is put there instead
//	./internal/join -run Session   what go test is called with
//
// A mutant is killed if the tests compile and fail; without the change they must pass. The work is done in copies of the tree.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

func main() {
	only := flag.String("only", "", "run only the mutants whose block contains this text")
	jobs := flag.Int("jobs", 2, "how many mutants are tested at the same time")
	flag.Parse()
	if err := run(flag.Arg(0), *only, *jobs); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(table, only string, jobs int) error {
	text, err := os.ReadFile(table)
	if err != nil {
		return err
	}
	mutants, err := parse(string(text), only)
	if err != nil {
		return err
	}
	return testAll(mutants, jobs)
}

type mutant struct {
	file, from, to string
	test           []string
}

func (m mutant) String() string { return fmt.Sprintf("%s: %s => %s", m.file, m.from, m.to) }

// parse reads the blocks that contain the text only.
func parse(table, only string) (mutants []mutant, err error) {
	for block := range strings.SplitSeq(strings.TrimSpace(table), "\n\n") {
		if !strings.Contains(block, only) {
			continue
		}
		var lines []string
		for line := range strings.SplitSeq(block, "\n") {
			if !strings.HasPrefix(line, "#") {
				lines = append(lines, line)
			}
		}
		if len(lines) == 0 {
			continue
		}
		if len(lines) != 4 || !strings.HasPrefix(lines[1], "- ") || !strings.HasPrefix(lines[2], "+") {
			return nil, fmt.Errorf("not a block of four lines:\n%s", block)
		}
		to := strings.TrimPrefix(strings.TrimPrefix(lines[2], "+"), " ")
		mutants = append(mutants, mutant{lines[0], lines[1][2:], to, strings.Fields(lines[3])})
	}
	if len(mutants) == 0 {
		return nil, errors.New("no mutants")
	}
	return mutants, nil
}

// checkPasses runs every test without a change.
func checkPasses(mutants []mutant) error {
	tree, err := copyTree()
	if err != nil {
		return err
	}
	defer os.RemoveAll(tree)
	seen := map[string]bool{}
	var failed error
	for _, m := range mutants {
		if test := strings.Join(m.test, " "); !seen[test] {
			seen[test] = true
			if out, err := goIn(tree, m.testArgs()...); err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s fails without a change: %s", test, out))
			}
		}
	}
	return failed
}

// testAll tests each mutant in one of the copies of the tree.
func testAll(mutants []mutant, jobs int) error {
	if err := checkPasses(mutants); err != nil {
		return err
	}
	work := make(chan mutant)
	var mu sync.Mutex
	var survived int
	var failed error
	var workers sync.WaitGroup
	for range jobs {
		tree, err := copyTree()
		if err != nil {
			return err
		}
		defer os.RemoveAll(tree)
		workers.Go(func() {
			for m := range work {
				verdict, err := m.testIn(tree)
				mu.Lock()
				fmt.Println(verdict, m)
				if verdict == "SURVIVED" {
					survived++
				}
				failed = errors.Join(failed, err)
				mu.Unlock()
			}
		})
	}
	for _, m := range mutants {
		work <- m
	}
	close(work)
	workers.Wait()
	fmt.Printf("%d mutants, %d survived\n", len(mutants), survived)
	if survived > 0 {
		failed = errors.Join(failed, fmt.Errorf("%d of %d mutants survived", survived, len(mutants)))
	}
	return failed
}

// copyTree makes a repository with the files that git tracks, as they are in the working tree.
func copyTree() (dir string, err error) {
	dir, err = os.MkdirTemp("", "mutants-")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("sh", "-c", `git clone -q . "$1" && git ls-files -z | xargs -0 cp --parents -t "$1"`, "sh", dir)
	cmd.Stderr = os.Stderr
	return dir, cmd.Run()
}

// testIn changes the file in a copy of the tree, runs the tests, and restores the file.
func (m mutant) testIn(tree string) (verdict string, err error) {
	path := filepath.Join(tree, m.file)
	original, err := os.ReadFile(path)
	if err != nil {
		return "ERROR   ", err
	}
	if n := bytes.Count(original, []byte(m.from)); n != 1 {
		return "ERROR   ", fmt.Errorf("%s has %q %d times, not once", m.file, m.from, n)
	}
	mutated := bytes.Replace(original, []byte(m.from), []byte(m.to), 1)
	if err := rewrite(path, mutated); err != nil {
		return "ERROR   ", err
	}
	defer rewrite(path, original)
	return m.verdict(tree)
}

// rewrite keeps the file's mode.
func rewrite(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}

// verdict tells a test that fails from one that does not compile.
func (m mutant) verdict(tree string) (string, error) {
	if strings.HasSuffix(m.file, ".go") {
		if out, err := goIn(tree, "build", "./"+filepath.Dir(m.file)); err != nil {
			return "ERROR   ", fmt.Errorf("%v does not compile: %s", m, out)
		}
	}
	out, err := goIn(tree, m.testArgs()...)
	switch {
	case err == nil && strings.Contains(out, "no tests to run"):
		return "ERROR   ", fmt.Errorf("%v: no tests to run", m)
	case err == nil:
		return "SURVIVED", nil
	case strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]"):
		return "ERROR   ", fmt.Errorf("%v: %s", m, out)
	}
	return "killed  ", nil
}

func (m mutant) testArgs() []string {
	return append([]string{"test", "-vet=off", "-count=1", "-failfast"}, m.test...)
}

func goIn(tree string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = tree
	out, err := cmd.CombinedOutput()
	return string(out), err
}
