#!/bin/sh
# Leaves the tailnet. A shell other than bash has not read $BASH_ENV by itself.
# shellcheck source=/dev/null
[ ! -e "$BASH_ENV" ] || . "$BASH_ENV"
if [ -z "${TAILJOIN_PROGRAM:-}" ]; then
	echo "nothing to leave: the join did not start"
	exit 0
fi
exec "$TAILJOIN_PROGRAM" leave
