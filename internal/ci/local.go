package ci

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// local is a terminal, or a CI that nothing is known of.
func local(env Env, s Streams) Job {
	return Job{
		Platform: "local",
		Name:     hostName(),
		TempDir:  filepath.Join(cmp.Or(env("XDG_RUNTIME_DIR"), env("TMPDIR"), os.TempDir()), "tailjoin-"+strconv.Itoa(os.Getuid())),
		CacheDir: cacheDir(env),
		Debug:    env("TAILJOIN_DEBUG") != "",

		Input:   inputs(env),
		Mask:    func(secret.Text) {},
		Output:  func(name, value string) error { return line(s.Results, "%s=%s\n", name, value) },
		Path:    func(string) error { return nil },
		Group:   func(title string) func() { line(s.Words, "%s\n", title); return func() {} },
		Summary: func(string) error { return nil },
		Report:  func(p *diag.Problem) { line(s.Words, "%s", p.Text()) },
		Log:     logTo(s.Words, level(env("TAILJOIN_DEBUG") != ""), plain),
	}
}

func line(w io.Writer, format string, args ...any) error {
	_, err := fmt.Fprintf(w, format, args...)
	return err
}

func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "job"
	}
	return name
}

func cacheDir(env Env) string {
	if dir := env("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "tailjoin")
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "tailjoin")
}

func level(debug bool) slog.Level {
	if debug {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}
