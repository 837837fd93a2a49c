// Package etcd keeps the ring of signing keys in etcd, where several replicas
// of the token service share it.
package etcd

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"

	"github.com/tailjoin/tailjoin/internal/sts/keyring"
)

// A Store is one key of etcd. Its methods may be called at the same time.
type Store struct {
	key    string
	client *client
}

// New makes a store, and asks nobody yet. It fails with a Problem if what it
// is told cannot be meant.
func New(o Options) (*Store, error) {
	c, err := newClient(o)
	return &Store{o.Key, c}, err
}

// A compare is a condition on a key. Revision 0 is a key that is not there.
type compare struct {
	Key      []byte `json:"key"`
	Target   string `json:"target"`
	Result   string `json:"result"`
	Revision int64  `json:"mod_revision,string"`
}

// A put writes a key.
type put struct {
	Key   []byte `json:"key"`
	Value []byte `json:"value"`
}

// Load has the whole cluster agree on what it returns: a member that is cut
// off from the others does not answer.
func (s *Store) Load(ctx context.Context) (document []byte, version string, err error) {
	var found struct {
		Kvs []struct {
			Value    []byte `json:"value"`
			Revision int64  `json:"mod_revision,string"`
		} `json:"kvs"`
	}
	err = s.client.call(ctx, "/v3/kv/range", map[string]any{"key": []byte(s.key)}, &found)
	switch {
	case err != nil:
		return nil, "", err
	case len(found.Kvs) == 0:
		return nil, "", keyring.ErrNone
	}
	document = found.Kvs[0].Value
	return document, versionOf(found.Kvs[0].Revision, document), nil
}

// Swap is one transaction.
func (s *Store) Swap(ctx context.Context, old string, document []byte) (version string, err error) {
	revision, err := revisionOf(old)
	if err != nil {
		return "", err
	}
	key := []byte(s.key)
	ask := map[string]any{
		"compare": []compare{{key, "MOD", "EQUAL", revision}},
		"success": []any{map[string]any{"request_put": put{key, document}}},
	}
	var done struct {
		Succeeded bool `json:"succeeded"`
		Header    struct {
			Revision int64 `json:"revision,string"`
		} `json:"header"`
	}
	if err := s.client.call(ctx, "/v3/kv/txn", ask, &done); err != nil {
		return "", err
	}
	if !done.Succeeded {
		return "", keyring.ErrChanged
	}
	return versionOf(done.Header.Revision, document), nil
}

// versionOf has the revision, and what the document is: a cluster that was
// restored from a copy counts its revisions anew.
func versionOf(revision int64, document []byte) string {
	sum := sha256.Sum256(document)
	return fmt.Sprintf("%d-%x", revision, sum[:8])
}

func revisionOf(version string) (int64, error) {
	if version == "" {
		return 0, nil
	}
	number, _, _ := strings.Cut(version, "-")
	revision, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no version of keys in etcd", version)
	}
	return revision, nil
}
