package vaulttest

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A secret is all versions of one.
type secret struct {
	versions map[string]*secretVersion
	deleted  bool
}

type secretVersion struct {
	value, contentType string
	tags               map[string]string
	enabled            bool
	created            time.Time
}

// Limits of a secret, and how many versions a page has.
const (
	longestSecret = 25600
	mostTags      = 15
	longestTag    = 256
	pageSize      = 25
)

var nameForm = regexp.MustCompile(`^[0-9a-zA-Z-]{1,127}$`)

// newID is a version's.
func newID() string {
	var raw [16]byte
	rand.Read(raw[:])
	return hex.EncodeToString(raw[:])
}

func (v *Vault) setSecret(r *http.Request) (any, *refusal) {
	var body struct {
		Value       string            `json:"value"`
		ContentType string            `json:"contentType"`
		Tags        map[string]string `json:"tags"`
	}
	if refused := read(r, &body); refused != nil {
		return nil, refused
	}
	name := r.PathValue("name")
	if !nameForm.MatchString(name) || body.Value == "" || len(body.Value) > longestSecret || len(body.Tags) > mostTags {
		return nil, badParameter(fmt.Sprintf("The secret value has %d bytes, and %d are the most", len(body.Value), longestSecret))
	}
	for key, value := range body.Tags {
		if key == "" || value == "" || len(key) > longestTag || len(value) > longestTag {
			return nil, badParameter("a tag is empty, or too long")
		}
	}
	s := v.secrets[name]
	if s != nil && s.deleted {
		return nil, &refusal{409, "Conflict", "ObjectIsDeletedButRecoverable", "Secret " + name + " is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the secret can only be recovered or purged."}
	}
	id := v.put(name, body.Value, body.ContentType, body.Tags)
	return v.bundle(name, id), nil
}

func (v *Vault) put(name, value, contentType string, tags map[string]string) string {
	if v.secrets[name] == nil {
		v.secrets[name] = &secret{versions: map[string]*secretVersion{}}
	}
	id := newID()
	v.secrets[name].versions[id] = &secretVersion{value, contentType, tags, true, time.Now()}
	return id
}

// PutSecret is what somebody does with other tools. It returns the version.
func (v *Vault) PutSecret(name, value string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.put(name, value, "", nil)
}

// DeleteSecret deletes it so that it can be recovered.
func (v *Vault) DeleteSecret(name string) { v.set(func() { v.secrets[name].deleted = true }) }

// RecoverSecret takes that back.
func (v *Vault) RecoverSecret(name string) { v.set(func() { v.secrets[name].deleted = false }) }

// DisableSecret disables a version.
func (v *Vault) DisableSecret(name, version string) {
	v.set(func() { v.secrets[name].versions[version].enabled = false })
}

// Secrets are the values of all versions.
func (v *Vault) Secrets(name string) (all []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range v.secrets[name].versions {
		all = append(all, s.value)
	}
	return all
}

func (s *secretVersion) attributes() map[string]any {
	return map[string]any{
		"enabled": s.enabled, "created": s.created.Unix(), "updated": s.created.Unix(),
		"recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90,
	}
}

func (v *Vault) item(name, id string) map[string]any {
	s := v.secrets[name].versions[id]
	item := map[string]any{"id": URL + "/secrets/" + name + "/" + id, "attributes": s.attributes()}
	if s.tags != nil {
		item["tags"] = s.tags
	}
	if s.contentType != "" {
		item["contentType"] = s.contentType
	}
	return item
}

func (v *Vault) bundle(name, id string) map[string]any {
	item := v.item(name, id)
	item["value"] = v.secrets[name].versions[id].value
	return item
}

func notFound(name string) *refusal {
	return &refusal{404, "SecretNotFound", "", "A secret with (name/id) " + name + " was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command."}
}

func (v *Vault) getSecret(r *http.Request) (any, *refusal) {
	name, id := r.PathValue("name"), r.PathValue("version")
	s := v.secrets[name]
	switch {
	case s == nil || s.deleted || s.versions[id] == nil:
		return nil, notFound(name)
	case !s.versions[id].enabled:
		return nil, &refusal{403, "Forbidden", "SecretDisabled", "Operation get is not allowed on a disabled secret."}
	}
	return v.bundle(name, id), nil
}

// listSecret lists a page of the versions, in no order that means anything.
func (v *Vault) listSecret(r *http.Request) (any, *refusal) {
	name := r.PathValue("name")
	s := v.secrets[name]
	if s == nil || s.deleted {
		return nil, notFound(name)
	}
	var ids []string
	for id, version := range s.versions {
		if time.Since(version.created) >= v.lag {
			ids = append(ids, id)
		}
	}
	if ids == nil {
		return nil, notFound(name)
	}
	slices.Sort(ids)
	skip, err := strconv.Atoi("0" + strings.TrimPrefix(r.URL.Query().Get("$skiptoken"), "page"))
	if err != nil || skip > len(ids) {
		return nil, badParameter("no such page")
	}
	page := map[string]any{"value": []any{}, "nextLink": nil}
	if len(ids) > skip+pageSize {
		page["nextLink"] = fmt.Sprintf("%s/secrets/%s/versions?api-version=2025-07-01&$skiptoken=page%d&maxresults=%d", URL, name, skip+pageSize, pageSize)
	}
	items := []any{}
	for _, id := range ids[skip:min(len(ids), skip+pageSize)] {
		items = append(items, v.item(name, id))
	}
	page["value"] = items
	return page, nil
}
