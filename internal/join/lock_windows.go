package join

import (
	"log/slog"
	"os"
	"time"

	"github.com/tailjoin/tailjoin/internal/private"
)

// lock: Windows makes a process with its program in one step.
func lock(*private.Dir, *slog.Logger) (*os.File, error) { return nil, nil }

func awaitLock(*private.Dir, *slog.Logger, time.Duration) (*os.File, error) { return nil, nil }
