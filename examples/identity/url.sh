#!/bin/sh
# A service of your own that answers {"result": {"jwt": "…"}}.
export TAILJOIN_ID_TOKEN_HEADERS="X-Api-Key: \${TOKEN_SERVICE_KEY}"
tailjoin join --oauth-client-id "$CLIENT_ID" --tags tag:ci \
	--id-token-source url:http://127.0.0.1:8200/v1/mint \
	--id-token-body "{\"aud\":\"api.tailscale.com/$CLIENT_ID\"}" \
	--id-token-key result.jwt
