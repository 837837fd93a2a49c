package diagtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A source is one parsed file of the module.
type source struct {
	dir string // of its package
	*ast.File
}

func (s source) at(files *token.FileSet, node ast.Node) string {
	return files.Position(node.Pos()).String()
}

// sources parses the module's files below internal and cmd: the tests, or the
// rest.
func sources(t *testing.T, files *token.FileSet, tests bool) (all []source) {
	t.Helper()
	for _, top := range []string{"internal", "cmd"} {
		err := filepath.WalkDir(filepath.Join(root(t), top), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") != tests {
				return err
			}
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			all = append(all, source{filepath.Dir(path), file})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// A maker is a function that puts one of its parameters into a Problem as its
// code.
type maker struct {
	dir, name string
	parameter int
}

// codesInSources are the codes of every Problem that the sources write down,
// and where. A code that this cannot read fails the test.
func codesInSources(t *testing.T) map[string]string {
	t.Helper()
	files := token.NewFileSet()
	all := sources(t, files, false)
	codes := map[string]string{}
	var makers []maker
	note := func(s source, value ast.Expr) {
		if code, ok := text(value); ok {
			codes[code] = s.at(files, value)
		} else {
			t.Errorf("%s: the code of a Problem must stand in it, as a string", s.at(files, value))
		}
	}
	for _, s := range all {
		for _, f := range functions(s.File) {
			for _, code := range codesIn(f) {
				if i := parameter(f, code); i >= 0 {
					makers = append(makers, maker{s.dir, f.Name.Name, i})
					continue
				}
				note(s, code)
			}
		}
	}
	for _, s := range all {
		for _, code := range codesByMakers(s, makers) {
			note(s, code)
		}
	}
	return codes
}

func functions(file *ast.File) (all []*ast.FuncDecl) {
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok {
			all = append(all, f)
		}
	}
	return all
}

// codesIn are the codes of the Problems that a function writes down.
func codesIn(f *ast.FuncDecl) (codes []ast.Expr) {
	ast.Inspect(f, func(node ast.Node) bool {
		if literal, ok := node.(*ast.CompositeLit); ok && nameOf(literal.Type) == "Problem" {
			codes = append(codes, codeOf(literal))
		}
		return true
	})
	return codes
}

// codeOf is the expression behind `Code:`, the Problem itself if it has none.
func codeOf(problem *ast.CompositeLit) ast.Expr {
	for _, element := range problem.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok && nameOf(pair.Key) == "Code" {
			return pair.Value
		}
	}
	return problem
}

// codesByMakers are the codes that a file gives to makers of its package.
func codesByMakers(s source, makers []maker) (codes []ast.Expr) {
	ast.Inspect(s.File, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok {
			return true
		}
		for _, m := range makers {
			if m.dir == s.dir && m.name == nameOf(call.Fun) {
				codes = append(codes, call.Args[m.parameter])
			}
		}
		return true
	})
	return codes
}

// parameter is which parameter of f an expression is, -1 if it is none.
func parameter(f *ast.FuncDecl, e ast.Expr) int {
	i := 0
	for _, field := range f.Type.Params.List {
		for _, name := range field.Names {
			if name.Name == nameOf(e) {
				return i
			}
			i++
		}
	}
	return -1
}

// nameOf is the name that an expression ends with: Problem for diag.Problem.
func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// text is the value of an expression that is a string literal.
func text(e ast.Expr) (string, bool) {
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return "", false
	}
	value, err := strconv.Unquote(literal.Value)
	return value, err == nil
}
