#!/bin/sh
# The machine is on one tailnet already; the job joins a second one as what the machine is there.
tailjoin join --oauth-client-id "$CLIENT_ID" --tags tag:ci --id-token-source tailscaled
