package trust

import (
	"cmp"
	"strings"

	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// workflowRef is the claim that names the workflow a job runs.
const workflowRef = "job_workflow_ref"

// ownerClaims say whose jobs they are, if the pattern has no * in it.
var ownerClaims = []string{"repository_owner_id", "repository_owner", "repository_id", "repository", "enterprise_id", "enterprise"}

// Warnings say what a federated identity lets in that its owner may not mean.
//
// A rule for job_workflow_ref says which workflow runs, not whose job it is:
// anyone may call a public workflow. And a * for its ref covers commits that only
// a fork has.
func Warnings(c tsapi.Credential) (all []string) {
	pattern := cmp.Or(c.Claims[workflowRef], inTemplate(c.Subject, workflowRef))
	if pattern == "" {
		return nil
	}
	if !namesOwner(c) {
		all = append(all, "the rule for job_workflow_ref says which workflow runs, and not whose job it is: anyone who can call that workflow is let in.\n"+
			"Give the credential a subject of your own, such as repo:OWNER/*, or a rule for repository_owner_id")
	}
	if _, ref, _ := strings.Cut(pattern, "@"); strings.Contains(ref, "*") || ref == "" {
		all = append(all, "the rule for job_workflow_ref takes the workflow at any ref, also at a commit that only a fork has.\n"+
			"Name a tag, @refs/tags/v1.2.3, or a full SHA")
	}
	return all
}

// inTemplate is the value of a claim in a subject that a template makes:
// NAME:VALUE:NAME:VALUE.
func inTemplate(subject, name string) string {
	_, value, found := strings.Cut(":"+subject, ":"+name+":")
	if !found {
		return ""
	}
	return value
}

// namesOwner reports whether the subject or a rule names an owner without a *.
func namesOwner(c tsapi.Credential) bool {
	for _, name := range ownerClaims {
		if value := c.Claims[name]; value != "" && !strings.Contains(value, "*") {
			return true
		}
		value, _, _ := strings.Cut(inTemplate(c.Subject, name), ":")
		if value != "" && !strings.Contains(value, "*") {
			return true
		}
	}
	owner, _, repository := strings.Cut(inTemplate(c.Subject, "repo"), "/")
	return repository && owner != "" && !strings.Contains(owner, "*")
}
