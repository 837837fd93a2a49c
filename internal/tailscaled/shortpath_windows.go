package tailscaled

// A ShortPath is not needed: the daemon's pipe has no path.
type ShortPath string

func NewShortPath(string) (ShortPath, error) { return "", nil }
func (ShortPath) Socket() string             { return "" }
func (ShortPath) make(string) error          { return nil }
func (ShortPath) Remove() error              { return nil }
