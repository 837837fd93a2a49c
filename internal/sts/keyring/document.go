package keyring

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/jwk"
)

// A document is a ring as it is stored.
type document struct {
	Format int `json:"format"` // 1
	Ring
}

const format = 1

func encode(r Ring) ([]byte, error) {
	return json.MarshalIndent(document{format, r}, "", "\t")
}

// decode reads what is stored. A private key by itself is tsiam's file: it
// becomes the active key.
func decode(raw []byte, now time.Time) (Ring, error) {
	var probe struct {
		Kty string `json:"kty"`
	}
	if json.Unmarshal(raw, &probe) == nil && probe.Kty != "" {
		key, err := importKey(raw, now)
		if err != nil {
			return Ring{}, odd(err)
		}
		return Ring{[]Key{key}}, nil
	}
	var d document
	if err := json.Unmarshal(raw, &d); err != nil {
		return Ring{}, odd(errors.New("it is no JSON of the right form")) // json's own words might quote a key
	}
	if d.Format != format {
		return Ring{}, odd(fmt.Errorf("its format is %d, and %d is known here", d.Format, format))
	}
	if err := d.Ring.check(); err != nil {
		return Ring{}, odd(err)
	}
	return d.Ring, nil
}

func odd(err error) error {
	return &diag.Problem{
		Code:    "keys-odd",
		Summary: "the stored signing keys cannot be used",
		Err:     err,
		Hint: "nothing was changed. Put back a copy of them, or, if there is none, remove them and start again:\n" +
			"new keys are made then, and verifiers learn of them once they fetch the published keys",
	}
}

// check reports what no ring has: whoever changed it was not this program.
func (r Ring) check() error {
	ids := map[string]bool{}
	for _, k := range r.Keys {
		if k.ID == "" || ids[k.ID] {
			return fmt.Errorf("two keys have the ID %q", k.ID)
		}
		ids[k.ID] = true
		public, err := k.Public.Public()
		if err != nil {
			return err
		}
		if k.Public.Kid != k.ID || k.Public.Alg != k.Algorithm || !fits(k.Algorithm, public) {
			return fmt.Errorf("the public half of key %q is that of another", k.ID)
		}
		if same, ok := r.find(k.Algorithm, k.State()); ok && same.ID != k.ID && k.State() != Retiring {
			return fmt.Errorf("two keys for %s are both %s", k.Algorithm, k.State())
		}
	}
	return nil
}

// describe is a key's public half, named by its thumbprint unless id is given.
func describe(id, algorithm string, public any) (jwk.Key, error) {
	k, err := jwk.Of(id, algorithm, public)
	if err == nil && id == "" {
		k.Kid = k.Thumbprint()
	}
	return k, err
}
