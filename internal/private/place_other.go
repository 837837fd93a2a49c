//go:build unix && !linux

package private

// overflowID does not exist outside of Linux.
const overflowID = -1

func isUnmapped(int) bool { return false }

func hasACL(string) bool { return false }
