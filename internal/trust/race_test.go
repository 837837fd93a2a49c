//go:build race

package trust_test

// The race detector makes the random pairs twenty times slower, and there is
// one goroutine for it to watch.
func init() { *pairs /= 20 }
