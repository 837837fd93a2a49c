package idtoken

import (
	"cmp"
	"context"
	"net/http"
	"strings"
)

// google asks the metadata server, by its address: not every resolver knows the
// name.
// Source: https://cloud.google.com/compute/docs/instances/verifying-instance-identity.
func google(ctx context.Context, j job) (string, error) {
	host := cmp.Or(j.Env("GCE_METADATA_HOST"), "169.254.169.254")
	address, err := withQuery("http://"+host+"/computeMetadata/v1/instance/service-accounts/default/identity?format=full", "audience", j.audience)
	if err != nil {
		return "", err
	}
	body, err := ask{url: address, header: http.Header{"Metadata-Flavor": {"Google"}}}.send(ctx, metadata())
	return strings.TrimSpace(string(body)), err
}
