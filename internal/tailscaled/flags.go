package tailscaled

import (
	"errors"
	"path/filepath"
	"strings"
)

// Flags are a user's own flags for tailscaled, and what a few of them mean for
// those who start and call it.
type Flags struct {
	Words     []string // all but --state and --statedir
	Userspace bool     // --tun=userspace-networking
	Proxy     string   // --socks5-server
	StateDir  string   // --statedir
	KeyDir    string   // directory of the file that --state names; "" keeps the node's key where it would be without the flag
}

// stateName is the file in a state directory that holds the node's key.
const stateName = "tailscaled.state"

// ParseFlags reads flags of tailscaled. The daemon itself refuses what it does
// not know.
func ParseFlags(words []string) (f Flags, err error) {
	for i := 0; i < len(words) && err == nil; i++ {
		word := words[i]
		name, value, found := strings.Cut(strings.TrimLeft(word, "-"), "=")
		isOwn := name == "state" || name == "statedir"
		if !isOwn {
			f.Words = append(f.Words, word)
		}
		if !found && i+1 < len(words) {
			if value = words[i+1]; isOwn {
				i++
			}
		}
		err = f.set(name, value)
	}
	return f, err
}

func (f *Flags) set(name, value string) error {
	switch name {
	case "tun":
		f.Userspace = strings.HasPrefix(value, "userspace-networking")
	case "socks5-server":
		f.Proxy = value
	case "statedir":
		f.StateDir = value
	case "state":
		return f.setState(value)
	case "socket", "cleanup":
		return errors.New("--" + name + " is tailjoin's own")
	}
	return nil
}

// setState takes the forms of --state that a state directory has, too.
func (f *Flags) setState(value string) error {
	switch {
	case value == "mem:":
		f.KeyDir = ""
	case filepath.Base(value) == stateName:
		f.KeyDir = filepath.Dir(value)
	default:
		return errors.New("--state can only be mem: or a file called " + stateName + "; to keep the node's key there is the input statedir")
	}
	return nil
}
