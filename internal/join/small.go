package join

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kballard/go-shellquote"
)

// notInSmall are the commands of tailscale that the small build lacks. It calls
// them unknown, which helps no one.
var notInSmall = []string{"serve", "funnel", "cert", "file", "drive", "web", "update", "syspolicy", "completion"}

// refusal says how to have such a command.
const refusal = "tailscale: the small build that tailjoin comes with has no '%s'; with install: download the join takes the full one"

// refuse is a shell script that prints the refusal.
const refuse = `case $1 in
%s)
	echo "%s" >&2
	exit 1
	;;
esac
`

// RefuseInSmall says why the small build cannot run a command of tailscale, ""
// if it can.
func RefuseInSmall(args []string) string {
	if len(args) == 0 || !slices.Contains(notInSmall, args[0]) {
		return ""
	}
	return fmt.Sprintf(refusal, args[0])
}

// calling is a shell script that calls tailscale with words of ours before the
// caller's.
func calling(cli string, full bool, words ...string) string {
	script := "exec " + shellquote.Join(append([]string{cli}, words...)...) + " \"$@\"\n"
	if full {
		return script
	}
	return fmt.Sprintf(refuse, strings.Join(notInSmall, "|"), fmt.Sprintf(refusal, "$1")) + script
}
