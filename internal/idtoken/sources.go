package idtoken

import "time"

// sources are tried in this order, CI before cloud: a runner may itself run on
// a machine that has another source.
var sources = []Source{
	{
		Name: "github", Title: "GitHub Actions", Audience: Requested,
		detect: isGitHub, missing: githubMissing, fetch: actionsToken, secrets: []string{requestToken},
		Trust: Trust{Issuer: "https://token.actions.githubusercontent.com", Subject: "repo:OWNER/REPO:ref:refs/heads/main"},
		words: words{
			giver: "the runner's token service",
			refused: "its token for that may have run out, as it does in a job of many hours: join earlier in the job.\n" +
				"Else see https://www.githubstatus.com; on an Enterprise Server, what its administrator says of its OIDC provider",
			silent: "see https://www.githubstatus.com, and whether this runner reaches *.actions.githubusercontent.com; on an Enterprise Server,\n" +
				"whether it reaches https://HOST/_services/token",
		},
	},
	{
		Name: "forgejo", Title: "Forgejo Actions", Audience: Requested,
		detect: isForgejo, missing: forgejoMissing, fetch: actionsToken, secrets: []string{requestToken},
		Trust: Trust{Issuer: "https://HOST/api/actions", Subject: "repo:OWNER/REPO:ref:refs/heads/main"},
		words: words{
			giver:   "the Forgejo server",
			refused: "its token for that may have run out, as it does in a job of many hours: join earlier in the job",
			silent:  "see whether this runner reaches the Forgejo server, and what its administrator says",
		},
	},
	{
		Name: "gitea", Title: "Gitea Actions", Audience: Requested,
		detect: isGitea, missing: giteaMissing, fetch: actionsToken, secrets: []string{requestToken},
		Trust: Trust{Issuer: "none: no release of Gitea gives ID tokens yet", Subject: "none"},
		words: words{
			giver:   "the Gitea server",
			refused: "see what the server's administrator says",
			silent:  "see whether this runner reaches the Gitea server, and what its administrator says",
		},
	},
	{
		Name: "gitlab", Title: "GitLab CI", Audience: Configured,
		detect: has("GITLAB_CI"), missing: needs(gitlabLine(anyAudience), gitlabVariable), read: value(gitlabVariable), secrets: []string{gitlabVariable},
		Trust: Trust{Issuer: "https://gitlab.com", Subject: "project_path:GROUP/PROJECT:ref_type:branch:ref:main"},
		words: words{giver: "the variable " + gitlabVariable, refused: gitlabLine(anyAudience), setting: gitlabLine("AUDIENCE")},
	},
	{
		Name: "buildkite", Title: "Buildkite", Audience: Requested,
		detect: has("BUILDKITE"), fetch: buildkite, secrets: []string{"BUILDKITE_AGENT_ACCESS_TOKEN"},
		missing: needs("the agent gives both to a job. Into a container, let them through:\n  plugins:\n    - docker#v5:\n        mount-buildkite-agent: true",
			"BUILDKITE_JOB_ID", "BUILDKITE_AGENT_ACCESS_TOKEN"),
		Trust: Trust{Issuer: "https://agent.buildkite.com", Subject: "organization:ORG:pipeline:PIPELINE:ref:refs/heads/main:*"},
		words: words{
			giver:   "Buildkite's agent API",
			refused: "see that the job still runs, and that the variables of the agent are this job's own",
			silent:  "see https://www.buildkitestatus.com, and whether this agent reaches BUILDKITE_AGENT_ENDPOINT",
		},
	},
	{
		Name: "circleci", Title: "CircleCI", Audience: Requested,
		detect: has("CIRCLECI"), missing: circleciMissing, fetch: circleci,
		secrets: []string{"CIRCLE_OIDC_TOKEN", "CIRCLE_OIDC_TOKEN_V2"},
		Trust:   Trust{Issuer: "https://oidc.circleci.com/org/ORG-ID", Subject: "org/ORG-ID/project/PROJECT-ID/user/*"},
		words: words{
			giver: "`circleci run oidc get`",
			refused: "a build of a pull request from a fork gets none, unless the project passes secrets to such builds.\n" +
				"On CircleCI Server it takes version 4.4",
			silent: "see https://status.circleci.com",
		},
	},
	{
		Name: "azure-devops", Title: "Azure Pipelines", Audience: Fixed,
		detect: has("TF_BUILD"), fetch: azureDevOps, secrets: []string{"SYSTEM_ACCESSTOKEN"},
		missing: azureDevOpsMissing,
		Trust:   Trust{Issuer: "https://vstoken.dev.azure.com/ORG-ID", Subject: "p://ORG/PROJECT/PIPELINE", Audience: entraExchange},
		words: words{
			giver:   "Azure DevOps",
			refused: "see that SYSTEM_ACCESSTOKEN is $(System.AccessToken) of this very job",
			silent:  "see https://status.dev.azure.com",
		},
	},
	{
		Name: "bitbucket", Title: "Bitbucket Pipelines", Audience: Configured,
		detect: has("BITBUCKET_BUILD_NUMBER"), missing: needs(bitbucketLine(anyAudience), bitbucketVariable),
		read: value(bitbucketVariable), secrets: []string{bitbucketVariable},
		Trust: Trust{Issuer: "https://api.bitbucket.org/2.0/workspaces/WORKSPACE/pipelines-config/identity/oidc", Subject: "{REPOSITORY-UUID}*"},
		words: words{giver: "the variable " + bitbucketVariable, refused: bitbucketLine(anyAudience), setting: bitbucketLine("AUDIENCE")},
	},
	{
		Name: "semaphore", Title: "Semaphore", Audience: Fixed,
		detect: has("SEMAPHORE"), read: value("SEMAPHORE_OIDC_TOKEN"), secrets: []string{"SEMAPHORE_OIDC_TOKEN"},
		missing: needs("Semaphore gives it to every job of an organization that has OpenID Connect in its plan", "SEMAPHORE_OIDC_TOKEN"),
		Trust: Trust{
			Issuer: "https://ORG.semaphoreci.com", Subject: "org:ORG:project:PROJECT-ID:repo:REPO:ref_type:branch:ref:refs/heads/main", Audience: "https://ORG.semaphoreci.com",
		},
		words: words{giver: "the variable SEMAPHORE_OIDC_TOKEN", refused: "see that nothing in the job changes it"},
	},
	{
		Name: "codefresh", Title: "Codefresh", Audience: Requested,
		detect: has("CF_OIDC_REQUEST_URL", "CF_BUILD_ID"), fetch: codefresh, secrets: []string{"CF_OIDC_REQUEST_TOKEN"},
		missing: needs("Codefresh gives both to a pipeline that an account, a trigger or a person started: see Integrations, OIDC",
			"CF_OIDC_REQUEST_URL", "CF_OIDC_REQUEST_TOKEN"),
		Trust: Trust{Issuer: "https://oidc.codefresh.io", Subject: "account:ACCOUNT-ID:pipeline:PIPELINE-ID*"},
		words: words{
			giver:   "Codefresh's OIDC provider",
			refused: "see that CF_OIDC_REQUEST_URL and CF_OIDC_REQUEST_TOKEN are this build's own",
			silent:  "see https://status.codefresh.io",
		},
	},
	{
		Name: "terraform", Title: "HCP Terraform", Audience: Configured,
		detect: has(terraformVariables...), missing: lacks(terraformLine(anyAudience), value(terraformVariables...)),
		read: value(terraformVariables...), secrets: terraformVariables,
		Trust: Trust{Issuer: "https://app.terraform.io", Subject: "organization:ORG:project:PROJECT:workspace:WORKSPACE:run_phase:*"},
		words: words{giver: "HCP Terraform", refused: terraformLine(anyAudience), setting: terraformLine("AUDIENCE")},
	},
	{
		Name: "spacelift", Title: "Spacelift", Audience: Fixed,
		detect: has("SPACELIFT_OIDC_TOKEN", "TF_VAR_spacelift_run_id"), missing: lacks("Spacelift gives it to every run of a paid account", spacelift), read: spacelift,
		secrets: []string{"SPACELIFT_OIDC_TOKEN"},
		Trust:   Trust{Issuer: "https://ACCOUNT.app.spacelift.io", Subject: "space:SPACE-ID:stack:STACK-ID:run_type:*:scope:write", Audience: "ACCOUNT.app.spacelift.io"},
		words:   words{giver: "Spacelift", refused: "see that nothing in the run changes SPACELIFT_OIDC_TOKEN"},
	},
	{
		Name: "vercel", Title: "Vercel", Audience: Fixed,
		detect: has("VERCEL_OIDC_TOKEN", "VERCEL"), missing: needs("in the project's settings, Security, switch on secure backend access with OIDC federation", "VERCEL_OIDC_TOKEN"),
		read: value("VERCEL_OIDC_TOKEN"), secrets: []string{"VERCEL_OIDC_TOKEN"},
		Trust: Trust{Issuer: "https://oidc.vercel.com/TEAM", Subject: "owner:TEAM:project:PROJECT:environment:production", Audience: "https://vercel.com/TEAM"},
		words: words{giver: "the variable VERCEL_OIDC_TOKEN", refused: "see that nothing in the build changes it"},
	},
	{
		Name: "jenkins", Title: "Jenkins", Audience: Configured,
		detect: has("JENKINS_URL"), missing: jenkinsMissing, read: value(),
		Trust: Trust{Issuer: "https://JENKINS-HOST/oidc", Subject: "https://JENKINS-HOST/job/JOB/"},
	},
	{
		Name: "nomad", Title: "Nomad", Audience: Configured,
		detect: has("NOMAD_ALLOC_ID", "NOMAD_TOKEN_tailscale"), missing: lacks(nomadBlock(anyAudience), nomad), read: nomad,
		secrets: []string{"NOMAD_TOKEN_tailscale", "NOMAD_TOKEN"},
		Trust:   Trust{Issuer: "the cluster's server.oidc_issuer", Subject: "REGION:NAMESPACE:JOB:GROUP:TASK:tailscale"},
		words:   words{giver: "Nomad", refused: nomadBlock(anyAudience), setting: nomadBlock("AUDIENCE")},
	},
	{
		Name: "namespace", Title: "Namespace", Audience: Requested,
		detect: has("NSC_TOKEN_FILE", "NSC_METADATA_DIR"), missing: namespaceMissing, fetch: namespace,
		Trust: Trust{Issuer: "https://federation.namespaceapis.com", Subject: "WORKSPACE-ID/*"},
		words: words{
			giver:   "Namespace's IAM service",
			refused: "see that the workload's token is its own and that its workspace may issue ID tokens",
			silent:  "see whether this workload reaches private-api.global.namespaceapis.com",
		},
	},
	{
		Name: "fly", Title: "Fly.io Machines", Audience: Requested,
		detect: has("FLY_MACHINE_ID"), missing: flyMissing, fetch: fly,
		Trust: Trust{Issuer: "https://oidc.fly.io/ORG", Subject: "ORG:APP:*"},
		words: words{giver: "the Machine's API", refused: "see what `fly logs` says", silent: "see https://status.flyio.net"},
	},
	{
		Name: "aks", Title: "Azure Kubernetes Service", Audience: Fixed,
		detect: has(aksVariable), missing: lacks("the webhook of AKS workload identity sets "+aksVariable+" for a pod with the label\n  azure.workload.identity/use: \"true\"", aks), read: aks,
		Trust: Trust{Issuer: "https://REGION.oic.prod-aks.azure.com/TENANT-ID/CLUSTER-ID/", Subject: "system:serviceaccount:NAMESPACE:NAME", Audience: entraExchange},
		words: words{giver: "the file of " + aksVariable, refused: "see that it is the file that AKS mounts"},
	},
	{
		Name: "azure", Title: "Azure: App Service, Functions, Container Apps, virtual machines", Audience: Requested,
		detect: isAppService, missing: azureMissing, fetch: azure, secrets: []string{"IDENTITY_HEADER"},
		// While a machine's service is renewed it answers 410, for up to 70 s.
		// Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#retry-guidance.
		again: map[int]time.Duration{404: 2 * time.Second, 410: 18 * time.Second},
		Trust: Trust{Issuer: "https://sts.windows.net/TENANT-ID/", Subject: "OBJECT-ID of the managed identity", Audience: "api://APPLICATION"},
		words: words{
			giver: "Azure's identity service",
			refused: "the machine or app must have a managed identity (of several, name one in AZURE_CLIENT_ID), and Entra must know the audience:\n" +
				"register an application with the ID URI api://tailscale, and give\n  audience: api://tailscale\nThe trust credential has the audience that the token then has",
			silent: "see that this is a machine or an app of Azure, and that 169.254.169.254 is not blocked",
		},
	},
	{
		Name: "google", Title: "Google Cloud: Compute Engine, GKE, Cloud Run, Cloud Build", Audience: Requested,
		detect: has("K_SERVICE", "CLOUD_RUN_JOB", "GCE_METADATA_HOST"), missing: none, fetch: google,
		Trust: Trust{Issuer: "https://accounts.google.com", Subject: "the service account's unique ID, a number"},
		words: words{
			giver:   "Google's metadata server",
			refused: "the workload must run as a service account; on Cloud Build as one of your own, with the role Service Account OpenID Connect Identity Token Creator",
			silent:  "see that this is a machine of Google's, and that 169.254.169.254 is not blocked",
		},
	},
	{
		Name: "aws", Title: "AWS: EC2, ECS, EKS, Lambda", Audience: Requested,
		detect: isAWS, missing: awsMissing, fetch: aws, secrets: []string{"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"},
		Trust: Trust{Issuer: "https://ACCOUNT-UUID.tokens.sts.global.api.aws", Subject: "arn:aws:iam::ACCOUNT:role/ROLE"},
		words: words{
			giver: "AWS",
			refused: "the account must have outbound identity federation, which is switched on once:\n  aws iam enable-outbound-web-identity-federation\n" +
				"and the role must be allowed sts:GetWebIdentityToken",
			silent: "see that this is a machine of AWS (or set AWS_ACCESS_KEY_ID), and that it reaches sts.REGION.amazonaws.com",
		},
	},
	{
		Name: "kubernetes", Title: "Kubernetes", Audience: Configured,
		detect: has("KUBERNETES_SERVICE_HOST"), missing: kubernetesMissing, read: content(projectedFile), fetch: kubernetes,
		Trust: Trust{Issuer: "the cluster's --service-account-issuer", Subject: "system:serviceaccount:NAMESPACE:NAME"},
		words: words{
			giver: "the cluster",
			refused: "let the service account create tokens of its own (create, on serviceaccounts/token), or rather mount one at\n" +
				projected + ":\n" + projection(anyAudience),
			silent:  "see that a network policy lets this pod reach the API server",
			setting: "in the pod's projected volume:\n" + projection("AUDIENCE"),
		},
	},
	{
		Name: "spiffe", Title: "SPIFFE", Audience: Requested,
		detect: has(spiffeSocket), missing: spiffeMissing, fetch: spiffe,
		Trust: Trust{Issuer: "the SPIRE server's jwt_issuer", Subject: "spiffe://TRUST-DOMAIN/PATH"},
		words: words{
			giver:   "the SPIFFE Workload API",
			refused: "register this workload with the SPIRE server; PermissionDenied says that no entry fits it",
			silent:  "see that the SPIRE agent runs, and that its socket is mounted",
		},
	},
	{
		Name: "tailscaled", Title: "this machine's own tailscaled", Audience: Requested,
		missing: daemonMissing, fetch: daemonToken,
		Trust: Trust{Issuer: "the token's iss", Subject: "the node's name"},
		words: words{
			giver: "this machine's tailscaled",
			refused: "it gives tokens to root and its operator only: tailscale set --operator=USER. A build without the feature answers 404,\n" +
				"as the one that tailjoin carries",
			silent: "see that it is logged in: tailscale status",
		},
	},
	{
		Name: "sts", Title: "tailjoin-sts, or tsiam, on the tailnet", Audience: Requested,
		missing: stsMissing, fetch: sts,
		Trust: Trust{Issuer: "the service's own, such as https://sts.TAILNET.ts.net", Subject: "the node's ID, or what the service makes of it"},
		words: words{
			giver: "the token service",
			refused: "audience_not_allowed: the service's configuration has to list the audience\n" +
				"audience_not_permitted: a grant of the tailnet's policy has to let this node have tokens for it",
			silent: "see that this machine is on the tailnet, and that the policy lets it reach the service;\nnode_identity says that the service does not know this node (yet)",
		},
	},
}

const (
	gitlabVariable    = "TS_ID_TOKEN"
	bitbucketVariable = "BITBUCKET_STEP_OIDC_TOKEN"
	aksVariable       = "AZURE_FEDERATED_TOKEN_FILE"

	// entraExchange is what Microsoft writes into tokens that are for Entra.
	entraExchange = "api://AzureADTokenExchange"
)

// terraformVariables: that with a tag is for Tailscale alone, so it goes first.
var terraformVariables = []string{"TFC_WORKLOAD_IDENTITY_TOKEN_TAILSCALE", "TFC_WORKLOAD_IDENTITY_TOKEN"}

func gitlabLine(audience string) string {
	return "in .gitlab-ci.yml, at the job:\n  id_tokens:\n    " + gitlabVariable + ":\n      aud: " + audience
}

func bitbucketLine(audience string) string {
	return "in bitbucket-pipelines.yml, at the step:\n  oidc:\n    audiences:\n      - " + audience
}

func terraformLine(audience string) string {
	return "at the workspace, as an environment variable:\n  TFC_WORKLOAD_IDENTITY_AUDIENCE_TAILSCALE = " + audience
}

func nomadBlock(audience string) string {
	return "in the jobspec, at the task:\n  identity {\n    name = \"tailscale\"\n    aud  = [\"" + audience + "\"]\n    env  = true\n  }"
}

var (
	spacelift = firstOf(value("SPACELIFT_OIDC_TOKEN"), content(spaceliftFile))
	nomad     = firstOf(value("NOMAD_TOKEN_tailscale"), content(nomadFile))
	aks       = content(func(j job) string { return j.Env(aksVariable) })
)
