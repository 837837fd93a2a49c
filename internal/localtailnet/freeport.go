package localtailnet

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// FreePort returns a port of 127.0.0.1 that nothing listens on, for a program
// that takes no listener. It lies below the ports that Linux gives to listeners
// on port 0, one of which would take another before the program does.
func FreePort() (string, error) {
	const lowest, count, tries = 10000, 20000, 100
	var err error
	for range tries {
		port := fmt.Sprint(lowest + rand.IntN(count))
		l, listenErr := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
		if listenErr == nil {
			return port, l.Close()
		}
		err = listenErr
	}
	return "", fmt.Errorf("looking for a free port: %w", err)
}
