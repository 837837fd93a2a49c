// Command typecheck has the compiler's front half, and what of vet needs no
// more, look at every package of the module and its tests: for GOOS, whatever
// runs here. Compiling all that they import takes fifteen times as long.
package main

import (
	"fmt"
	"os"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/analysis/passes/assign"
	"golang.org/x/tools/go/analysis/passes/bools"
	"golang.org/x/tools/go/analysis/passes/buildtag"
	"golang.org/x/tools/go/analysis/passes/copylock"
	"golang.org/x/tools/go/analysis/passes/errorsas"
	"golang.org/x/tools/go/analysis/passes/nilfunc"
	"golang.org/x/tools/go/analysis/passes/sigchanyzer"
	"golang.org/x/tools/go/analysis/passes/unsafeptr"
	"golang.org/x/tools/go/analysis/passes/unusedresult"
	"golang.org/x/tools/go/packages"
)

// vet are its analyzers that look at one package at a time.
var vet = []*analysis.Analyzer{
	assign.Analyzer, bools.Analyzer, buildtag.Analyzer, copylock.Analyzer, errorsas.Analyzer,
	nilfunc.Analyzer, sigchanyzer.Analyzer, unsafeptr.Analyzer, unusedresult.Analyzer,
}

func main() {
	if err := check(); err != nil {
		fmt.Fprintln(os.Stderr, "typecheck:", err)
		os.Exit(1)
	}
}

func check() error {
	loaded, err := packages.Load(&packages.Config{Mode: packages.LoadAllSyntax, Tests: true}, "./...")
	if err != nil {
		return err
	}
	if n := packages.PrintErrors(loaded); n > 0 {
		return fmt.Errorf("%d errors", n)
	}
	graph, err := checker.Analyze(vet, loaded, nil)
	if err != nil {
		return err
	}
	return report(graph)
}

// report prints what was found, and fails if that is anything.
func report(graph *checker.Graph) error {
	found := 0
	for act := range graph.All() {
		if act.Err != nil {
			return act.Err
		}
		if act.IsRoot {
			found += len(act.Diagnostics)
		}
	}
	if found == 0 {
		return nil
	}
	if err := graph.PrintText(os.Stderr, 0); err != nil {
		return err
	}
	return fmt.Errorf("%d findings", found)
}
