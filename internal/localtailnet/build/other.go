package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Other returns the path of a program of others that tests run: the package
// that ends the arguments of go build, of the module in a directory below the
// root. It is compiled the quickest way, in two thirds of the time, and made
// again only if it has to be.
func Other(ctx context.Context, name, dir string, args ...string) (path string, err error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	path = filepath.Join(root, kept, "others", name)
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-trimpath", "-gcflags=all=-N -l -dwarf=false", "-ldflags=-w", "-o", path}, args...)...)
	cmd.Dir = filepath.Join(root, dir)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", name, err, out)
	}
	return path, nil
}
