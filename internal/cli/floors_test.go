package cli

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/tailjoin/tailjoin/"

// floors are the rooms of the house, bottom first. A package imports packages
// of lower floors only, none of its own.
var floors = [][]string{
	{"diag", "httpurl", "lazy", "nesting", "private", "secret", "retry", "jwk", "sts/ownfile", "tree", "markdown"},
	{"aws", "ci", "child", "github", "idtoken", "namespace", "oidc", "tsapi", "tailscaled", "sts/keyring"},
	{"spec", "policyfile", "issuers", "sts/policy"},
	{"diagnosis"},
	{"access", "sts/exchange", "sts/etcd", "sts/azure"},
	{"join", "authkey", "doctor", "policy", "specs", "trust", "sts/config", "sts/server"},
	{"cli", "sts"},
}

// tools are for tests, and part of nothing that is shipped.
var tools = []string{"sts/azure/vaulttest", "sts/keyring/keyringtest", "localtailnet", "contract", "captures", "localetcd", "isolate", "diag/diagtest", "sts/verifiers"}

// words are for everybody, so they bring nothing along.
const words = 0

func TestFloors_importsGoDownOnly(t *testing.T) {
	for _, p := range packages(t) {
		name, ok := strings.CutPrefix(p.ImportPath, module+"internal/")
		floor := floorOf(name)
		if !ok || floor < 0 {
			continue
		}
		for _, imported := range p.Imports {
			below, ours := strings.CutPrefix(imported, module+"internal/")
			if ours && floorOf(below) >= floor {
				t.Errorf("%s (floor %d) imports %s (floor %d)", name, floor, below, floorOf(below))
			}
			if floor == words && strings.Contains(imported, ".") {
				t.Errorf("%s imports %s, and words have the standard library only", name, imported)
			}
		}
	}
}

func TestFloors_whatIsShippedImportsNoTests(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			if floorOf(strings.TrimPrefix(p.ImportPath, module+"internal/")) >= 0 && slices.ContainsFunc(tools, isIn(imported)) {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
}

// What every job fetches has none of the token service, and no whole
// tailscaled, which tsnet is.
func TestFloors_theActionLinksNoTokenService(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", module+"cmd/action").Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := strings.Fields(string(out))
	for _, one := range []string{"tailscale.com/tsnet", "tailscale.com/ipn/ipnlocal", "go.yaml.in/yaml/v3", module + "internal/sts", module + "internal/sts/keyring", "github.com/Azure/azure-sdk-for-go/sdk/azcore"} {
		if slices.Contains(linked, one) {
			t.Errorf("cmd/action links %s", one)
		}
	}
	if !slices.Contains(linked, module+"internal/cli") {
		t.Error("this lists something else")
	}
}

// isIn holds for a room that has the package.
func isIn(pkg string) func(room string) bool {
	return func(room string) bool { return strings.HasPrefix(pkg+"/", module+"internal/"+room+"/") }
}

func floorOf(name string) int {
	for floor, rooms := range floors {
		for _, room := range rooms {
			if room == name {
				return floor
			}
		}
	}
	return -1
}

type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) (all []listed) {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for decoder := json.NewDecoder(out); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return all
}
