package localtailnet

import (
	"slices"
	"strings"
)

// A deviation is a request or an answer that Tailscale's API has, or that the
// real one gives, and that the OpenAPI document does not have.
type deviation struct {
	operation string // its key in the contract; a * at its end is any rest
	finding   string // of package contract
	source    string // where it is known from
}

const notPublished = "the operation is unknown"

// Where deviations are known from.
const (
	sourceOfErrors   = "https://tailscale.com/api#description/errors: statuses follow HTTP's conventions; the document lists 401 nowhere, and 400 and 403 not everywhere"
	sourceOfOperator = "https://github.com/tailscale/tailscale/tree/main/cmd/k8s-operator: a device that is gone is 404"
)

// deviations are all that are known. A test finds those that no longer occur.
var deviations = []deviation{
	{"POST /oauth/token", notPublished, "https://tailscale.com/docs/features/oauth-clients#tailscale-oauth-token-endpoint"},
	{"POST /oauth/token-exchange", notPublished, "https://tailscale.com/docs/features/workload-identity-federation"},
	{"GET /tailnet/-/vip-services", notPublished, "https://pkg.go.dev/tailscale.com/client/tailscale/v2#VIPServicesResource.List"},

	{"POST /tailnet/{tailnet}/acl", "answer 400.data is unknown", "https://github.com/tailscale/tailscale/tree/main/cmd/gitops-pusher: which tests failed"},

	{"*", "status 401 is unknown", sourceOfErrors},
	{"*", "status 403 is unknown", sourceOfErrors},
	{"POST /tailnet/{tailnet}/keys", "status 400 is unknown", "https://github.com/tailscale/terraform-provider-tailscale/issues/437"},
	{"PUT /tailnet/{tailnet}/keys/{keyId}", "status 400 is unknown", sourceOfErrors},
	{"POST /device/{deviceId}/*", "status 400 is unknown", sourceOfErrors},
	{"DELETE /device/{deviceId}/attributes/{attributeKey}", "status 400 is unknown", sourceOfErrors},
	{"DELETE /device/{deviceId}", "status 404 is unknown", sourceOfOperator},
}

// unexplained returns the findings about an operation that no deviation explains.
func unexplained(operation string, findings []string) (rest []string) {
	for _, finding := range findings {
		if !slices.ContainsFunc(deviations, func(d deviation) bool { return d.explains(operation, finding) }) {
			rest = append(rest, finding)
		}
	}
	return rest
}

func (d deviation) explains(operation, finding string) bool {
	if d.finding != finding {
		return false
	}
	start, any := strings.CutSuffix(d.operation, "*")
	return operation == d.operation || any && strings.HasPrefix(operation, start)
}
