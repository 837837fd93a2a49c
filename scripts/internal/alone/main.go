// Command alone runs a command on a machine of its own: loopback is its only
// network, and what it changes of the system nobody else sees.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/tailjoin/tailjoin/internal/isolate"
)

func main() {
	if status, isolated := isolate.Main(); !isolated {
		os.Exit(status)
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "alone:", err)
		os.Exit(1)
	}
}

func run(command []string) error {
	if len(command) == 0 {
		return fmt.Errorf("name a command")
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return err
	}
	return syscall.Exec(path, command, os.Environ())
}
