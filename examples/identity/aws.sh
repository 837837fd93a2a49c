#!/bin/sh
tailjoin join --oauth-client-id "$CLIENT_ID" --tags tag:ci --id-token-source aws
