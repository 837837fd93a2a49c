#!/bin/sh
# api://tailscale is the Application ID URI of an app registration in the tenant.
tailjoin join --oauth-client-id "$CLIENT_ID" --tags tag:ci --id-token-source azure --audience api://tailscale
