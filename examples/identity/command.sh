#!/bin/sh
# Standard output is the token, or JSON that holds it. No shell reads the words.
tailjoin join --oauth-client-id "$CLIENT_ID" --tags tag:ci \
	--id-token-source "command:gcloud auth print-identity-token --audiences=api.tailscale.com/$CLIENT_ID"
