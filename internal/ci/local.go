package ci

import (
	"cmp"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/tailjoin/tailjoin/internal/secret"
)

// local is a terminal, or a CI that nothing is known of.
func local(env Env, s Streams) Job {
	job := plainJob(env, s, "local", isSet(env("TAILJOIN_DEBUG")), func(text string) string { return text })
	job.Name = hostName()
	job.TempDir = filepath.Join(cmp.Or(env("XDG_RUNTIME_DIR"), env("TMPDIR"), os.TempDir()), "tailjoin-"+userID())
	job.OwnTemp = true
	return job
}

// plainJob is what every platform begins with: it writes lines, and has no
// other way to tell anybody anything.
func plainJob(env Env, s Streams, platform string, debug bool, harmless func(string) string) Job {
	job := Job{
		Platform: platform,
		CacheDir: cacheDir(env),
		Debug:    debug || isSet(env("TAILJOIN_DEBUG")),
		Input:    inputs(env),
		Mask:     func(secret.Text) {},
		Secret:   func(string, secret.Text) error { return ErrNoSecrets },
		Keep:     func(string, secret.Text) error { return ErrNoSecrets },
		Path:     func(string) error { return nil },
		Summary:  func(string) error { return nil },
	}
	job.speak(s, harmless)
	return job
}

// userID tells the directories of users apart in a place that they share. On
// Windows each has a place of its own.
func userID() string {
	if runtime.GOOS == "windows" {
		return "user"
	}
	return strconv.Itoa(os.Getuid())
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
