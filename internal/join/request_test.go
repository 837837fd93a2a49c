package join

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/tailscaled"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// Whoever prints one of these by mistake shows no secret.
func TestValues_doNotPrintTheirSecrets(t *testing.T) {
	hidden := secret.New("hunter2")
	identity := Identity{AuthKey: hidden, Secret: hidden}
	request := Request{Identity: identity, Up: tailscaled.Up{AuthKey: hidden}}
	for _, value := range []any{
		identity, &identity, request, &request, LeaveRequest{Identity: identity},
		joining{Request: request}, &leaving{identity: identity, access: tsapi.AccessToken{Text: hidden}},
		tsapi.AccessToken{Text: hidden}, tsapi.AuthKey{Text: hidden},
	} {
		encoded, _ := json.Marshal(value) // a function in it cannot be encoded
		for _, printed := range []string{
			fmt.Sprintf("%v", value), fmt.Sprintf("%+v", value), fmt.Sprintf("%#v", value), string(encoded),
		} {
			if strings.Contains(printed, "hunter2") {
				t.Errorf("%T shows its secret: %s", value, printed)
			}
		}
	}
}
