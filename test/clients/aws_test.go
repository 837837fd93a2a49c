//go:build unix

package clients

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
)

const role = "arn:aws:iam::123456789012:role/deploy"

// awsSTS stands in for AWS's token service: it gives the role to whoever shows
// a token of the issuer for its own audience.
func awsSTS(t *testing.T, issuer string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		if r.FormValue("Action") != "AssumeRoleWithWebIdentity" || r.FormValue("Version") != "2011-06-15" || r.FormValue("RoleArn") != role || r.Header.Get("Authorization") != "" {
			t.Errorf("asked for %v", r.Form["Action"])
		}
		if err := verified(r.Context(), issuer, "sts.amazonaws.com", r.FormValue("WebIdentityToken")); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>InvalidIdentityToken</Code>`+
				`<Message>Incorrect token audience</Message></Error><RequestId>1</RequestId></ErrorResponse>`)
			return
		}
		fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
<Credentials><SessionToken>session+/=</SessionToken><SecretAccessKey>secret+/=</SecretAccessKey><Expiration>%s</Expiration><AccessKeyId>ASIA-%s</AccessKeyId></Credentials>
</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`, time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05Z"), r.FormValue("RoleSessionName"))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// awsEnv is all that the SDK finds.
func awsEnv(t *testing.T, vars ...string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	for i, vars := 0, append([]string{
		"AWS_REGION", "eu-central-1", "AWS_EC2_METADATA_DISABLED", "true",
		"AWS_CONFIG_FILE", filepath.Join(dir, "config"), "AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "credentials"),
	}, vars...); i < len(vars); i += 2 {
		t.Setenv(vars[i], vars[i+1])
	}
}

func wantCredentials(t *testing.T, session string) {
	t.Helper()
	c, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.AccessKeyID != "ASIA-"+session || got.SecretAccessKey != "secret+/=" || got.SessionToken != "session+/=" || !got.CanExpire || time.Until(got.Expires) < 50*time.Minute {
		t.Errorf("got %+v", got)
	}
}

func TestAWS_takesCredentialsOfAProcess(t *testing.T) {
	issuer := serve(t, "sts.amazonaws.com")
	awsEnv(t, "AWS_ENDPOINT_URL_STS", awsSTS(t, issuer), "AWS_ROLE_ARN", "", "AWS_WEB_IDENTITY_TOKEN_FILE", "")
	profile := sample(t, "aws-process", "tailjoin token", filepath.Join(program(t), "tailjoin")+" token", "https://sts.TAILNET.ts.net", issuer)
	if err := os.WriteFile(os.Getenv("AWS_CONFIG_FILE"), []byte(profile), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_PROFILE", "tailnet")
	wantCredentials(t, "tailjoin")
}

func TestAWS_readsAFileThatIsKeptFresh(t *testing.T) {
	issuer := serve(t, "sts.amazonaws.com")
	file := keepFresh(t, "--sts-url", issuer, "--audience", "sts.amazonaws.com")
	awsEnv(t, "AWS_ENDPOINT_URL_STS", awsSTS(t, issuer), "AWS_ROLE_ARN", role, "AWS_ROLE_SESSION_NAME", "by-file", "AWS_WEB_IDENTITY_TOKEN_FILE", file)
	wantCredentials(t, "by-file")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
}

func TestAWS_refusalIsExplained(t *testing.T) {
	issuer := serve(t, "https://api.example.com")
	cmd := tailjoin(t, "token", "get", "--id-token-source=sts", "--sts-url", issuer, "--audience=https://api.example.com", "--output=aws", "--role-arn", role)
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL_STS="+awsSTS(t, issuer))
	var words strings.Builder
	cmd.Stderr = &words
	if out, err := cmd.Output(); err == nil || len(out) > 0 {
		t.Errorf("%v, %s", err, out)
	}
	for _, want := range []string{"#aws-refused", "Incorrect token audience", role, "identity provider"} {
		if !strings.Contains(words.String(), want) {
			t.Errorf("%q is not in\n%s", want, words.String())
		}
	}
}
