# shellcheck shell=sh
# Sourced by every script that runs Go, at the root of the repository: Go is exactly the version that go.mod names. The go
# command fetches it like a module, also where the machine's default is GOTOOLCHAIN=local.
GOTOOLCHAIN=go$(sed -n 's/^go //p' go.mod)
export GOTOOLCHAIN
