package cli

import (
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Windows does not tell upper case from lower case in the name of a variable. With two of one name a program such as MSBuild stops.
func TestEnvironment_comparesNamesAsTheSystemDoes(t *testing.T) {
	environ := []string{"Path=a", "http_proxy=b", `=C:=C:\work`}
	wantPATH, wantRest := "", environ
	if runtime.GOOS == "windows" {
		wantPATH, wantRest = "a", []string{`=C:=C:\work`}
	}
	if got := lookup(environ)("PATH"); got != wantPATH {
		t.Errorf("PATH is %q, want %q", got, wantPATH)
	}
	if diff := cmp.Diff(wantRest, without(environ, "PATH", "HTTP_PROXY")); diff != "" {
		t.Errorf("without two variables (-want +got):\n%s", diff)
	}
}

func TestLookup_takesTheLastEntry(t *testing.T) {
	if got := lookup([]string{"A=1", "A=2"})("A"); got != "2" {
		t.Errorf("got %q", got)
	}
}
