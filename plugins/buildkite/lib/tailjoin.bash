#!/usr/bin/env bash
# For the hooks: tailjoin runs this repository's program with the plugin's properties as its inputs.

# tailjoin COMMAND [FLAG...] is a subshell: the properties are not for the step's command to see.
tailjoin() (
	here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
	run=$here/scripts/run.sh # published by itself, the plugin has it
	[ -e "$run" ] || run=$here/../../scripts/run.sh
	properties
	: "${TAILJOIN_PROXY_ENV:=true}"
	export TAILJOIN_PROXY_ENV
	exec "$run" "$@"
)

# properties gives each property the name that inputs have everywhere: BUILDKITE_PLUGIN_TAILJOIN_WAIT_FOR is TAILJOIN_WAIT_FOR.
# The third word of the agent's name is that of the repository or directory, whatever that is called. Lists come in numbered parts.
properties() {
	local prefix=BUILDKITE_PLUGIN_${BUILDKITE_PLUGIN_NAME:?this agent is too old for the plugin}_ name input
	for name in "${!BUILDKITE_PLUGIN_@}"; do
		[[ $name == "$prefix"* ]] || continue
		input=TAILJOIN_${name#"$prefix"}
		if [[ $input =~ ^(.*)_[1-9][0-9]*$ ]]; then
			input=${BASH_REMATCH[1]}
			export "$input=${!input},${!name}"
		else
			export "${input%_0}=${!name}"
		fi
	done
}
