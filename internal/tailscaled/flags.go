package tailscaled

import (
	"errors"
	"strings"
)

// Flags are a user's own flags for tailscaled, and what a few of them mean for
// those who start and call it.
type Flags struct {
	Words     []string
	Userspace bool   // --tun=userspace-networking
	Proxy     string // --socks5-server
}

// ParseFlags reads flags of tailscaled. The daemon itself refuses what it does
// not know.
func ParseFlags(words []string) (Flags, error) {
	f := Flags{Words: words}
	for i, word := range words {
		name, value, found := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if !found && i+1 < len(words) {
			value = words[i+1]
		}
		switch name {
		case "tun":
			f.Userspace = strings.HasPrefix(value, "userspace-networking")
		case "socks5-server":
			f.Proxy = value
		case "socket", "statedir", "state", "cleanup":
			return f, errors.New("--" + name + " is tailjoin's own; to keep the node's key there is the input statedir")
		}
	}
	return f, nil
}
