package join

import (
	"fmt"
	"strings"

	"github.com/kballard/go-shellquote"
)

// notInSmall are the commands of tailscale that the small build lacks. It calls
// them unknown, which helps no one.
var notInSmall = []string{"serve", "funnel", "cert", "file", "drive", "web", "update", "syspolicy", "completion"}

// refuse is a shell script that says how to have such a command.
const refuse = `case $1 in
%s)
	echo "tailscale: the small build that tailjoin comes with has no '$1'; with install: download the join takes the full one" >&2
	exit 1
	;;
esac
`

// calling is a shell script that calls tailscale with words of ours before the
// caller's.
func calling(cli string, full bool, words ...string) string {
	script := "exec " + shellquote.Join(append([]string{cli}, words...)...) + " \"$@\"\n"
	if full {
		return script
	}
	return fmt.Sprintf(refuse, strings.Join(notInSmall, "|")) + script
}
