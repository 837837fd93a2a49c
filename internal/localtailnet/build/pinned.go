package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// pinned returns the path of a program that tools/NAME/go.mod pins for the tests
// alone, so that the project's go.mod does not get its requirements.
func pinned(ctx context.Context, name, module, pkg string) (path string, err error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	dir := filepath.Join("tools", name)
	mod, err := os.ReadFile(filepath.Join(root, dir, "go.mod"))
	if err != nil {
		return "", err
	}
	version := regexp.MustCompile(`(?m)^(?:require)?\s*` + regexp.QuoteMeta(module) + ` v(\S+)`).FindSubmatch(mod)
	if version == nil {
		return "", fmt.Errorf("%s/go.mod requires no %s", dir, module)
	}
	made, err := build(ctx, root, name, string(version[1]), map[string]program{name: {pkg: pkg, module: dir}})
	return filepath.Join(made, name), err
}
