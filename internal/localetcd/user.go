package localetcd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// WantUser has etcd, which must have no TLS, answer nobody but its users from
// now on: root, and one who may read and write one key.
func (s *Server) WantUser(ctx context.Context, name, password, key string) error {
	type object = map[string]any
	for _, ask := range []struct {
		path     string
		question object
	}{
		{"user/add", object{"name": "root", "password": "root's"}},
		{"user/add", object{"name": name, "password": password}},
		{"role/add", object{"name": "root"}},
		{"role/add", object{"name": name}},
		{"role/grant", object{"name": name, "perm": object{"permType": "READWRITE", "key": []byte(key)}}},
		{"user/grant", object{"user": "root", "role": "root"}},
		{"user/grant", object{"user": name, "role": name}},
		{"enable", object{}},
	} {
		if err := s.ask(ctx, "/v3/auth/"+ask.path, ask.question); err != nil {
			return err
		}
	}
	return nil
}

// ask asks etcd for something, as its administrator does.
func (s *Server) ask(ctx context.Context, path string, question any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if said, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s %s", path, res.Status, said)
	}
	return nil
}
