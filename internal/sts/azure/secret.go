package azure

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
)

// A Secret is a keyring.Store: a ring's document as a secret of a vault, each
// Swap a version of it.
type Secret struct {
	// Settle is for how long the vault may hide from one what another has
	// written there. Key Vault promises no time; this has to be more than it
	// takes, or two may each believe that theirs is the version that counts.
	Settle time.Duration

	client *azsecrets.Client
	name   string
	place  place
}

// settle is far more than it takes within a region, where a write is seen as
// soon as it is answered.
const settle = 4 * time.Second

// NewSecret is the secret of that name, which need not exist yet.
func NewSecret(c Connection, name string) (*Secret, error) {
	made, err := client(c, func(url string, who azcore.TokenCredential, o azcore.ClientOptions) (*azsecrets.Client, error) {
		return azsecrets.NewClient(url, who, &azsecrets.ClientOptions{ClientOptions: o})
	})
	return &Secret{Settle: settle, client: made, name: name, place: place{c.URL, "secret", name}}, err
}

// Tags of a version that a Swap wrote.
const (
	tagWriter   = "tailjoin-writer"
	tagReplaces = "tailjoin-replaces"
)

// nothing is what a first version replaces: a tag is not empty.
const nothing = "none"

func (s *Secret) Load(ctx context.Context) ([]byte, string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	all, err := s.history(ctx, time.Time{})
	if err != nil {
		return nil, "", err
	}
	head := all.head()
	switch {
	case head.id == "":
		return nil, "", keyring.ErrNone
	case !head.enabled:
		return nil, "", s.place.odd(errors.New("its version "+head.id+" is disabled"), "enable it, or set the secret to what it should be")
	}
	answer, err := s.client.GetSecret(ctx, s.name, head.id, nil)
	if err != nil {
		return nil, "", s.place.explain(fmt.Errorf("reading the secret: %w", err))
	}
	if answer.Value == nil {
		return nil, "", s.place.odd(errors.New("the vault gives no value"), "look at it in the portal")
	}
	return []byte(*answer.Value), head.id, nil
}

// Swap writes a version, and then looks whether it is the one that counts. It
// takes some seconds.
func (s *Secret) Swap(ctx context.Context, old string, document []byte) (string, error) {
	before, err := s.history(ctx, time.Time{})
	if err != nil {
		return "", err
	}
	if before.head().id != old {
		return "", keyring.ErrChanged
	}
	writer := rand.Text()
	written, err := s.write(ctx, writer, old, document)
	if err != nil {
		return "", err
	}
	after, err := s.history(ctx, written)
	if err != nil {
		return "", err
	}
	// By its writer and not by its ID: if an answer is lost the SDK writes it
	// again, as another version.
	if first, _ := after.next(old); first.writer == writer {
		return first.id, nil
	}
	return "", keyring.ErrChanged
}

// write returns when it was written, by the vault's clock.
func (s *Secret) write(ctx context.Context, writer, old string, document []byte) (time.Time, error) {
	answer, err := s.client.SetSecret(ctx, s.name, azsecrets.SetSecretParameters{
		Value: to.Ptr(string(document)), ContentType: to.Ptr("application/json"),
		Tags: map[string]*string{tagWriter: &writer, tagReplaces: to.Ptr(cmp.Or(old, nothing))},
	}, nil)
	switch {
	case isParallel(err):
		return time.Time{}, keyring.ErrChanged
	case err != nil:
		return time.Time{}, s.place.explain(fmt.Errorf("writing the secret: %w", err))
	case answer.Attributes == nil || answer.Attributes.Created == nil:
		return time.Time{}, s.place.explain(errIncomplete)
	}
	return *answer.Attributes.Created, nil
}

// history waits until it is settled what the versions are, and what was
// written at a time is among them: even who wrote it may not see it at once.
func (s *Secret) history(ctx context.Context, written time.Time) (history, error) {
	for {
		all, now, err := s.list(ctx)
		if err != nil {
			return nil, s.place.explain(fmt.Errorf("listing the secret's versions: %w", err))
		}
		wait := all.settled(now, written, s.Settle)
		if wait <= 0 {
			return all, nil
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, s.place.explain(fmt.Errorf("waiting until the secret's versions are settled: %w", ctx.Err()))
		}
	}
}

// list gets all versions, and the vault's time when it was asked.
func (s *Secret) list(ctx context.Context) (all history, now time.Time, err error) {
	began := time.Now()
	var answer *http.Response
	pages := s.client.NewListSecretPropertiesVersionsPager(s.name, nil)
	for pages.More() {
		page, err := pages.NextPage(policy.WithCaptureResponse(ctx, &answer))
		if err != nil && !isMissing(err) {
			return nil, now, err
		}
		if now.IsZero() {
			if now, err = timeOf(answer, began); err != nil {
				return nil, now, err
			}
		}
		for _, p := range page.Value {
			v, err := versionOf(p)
			if err != nil {
				return nil, now, err
			}
			all = append(all, v)
		}
		if page.Value == nil { // there is no such secret
			break
		}
	}
	all.sort()
	return all, now, nil
}

// timeOf is the vault's time when it was asked: its answer has a later one.
func timeOf(answer *http.Response, asked time.Time) (time.Time, error) {
	at, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return time.Time{}, fmt.Errorf("the vault does not say what time it is: %w", err)
	}
	return at.Add(-time.Since(asked)), nil
}

var errIncomplete = errors.New("the vault lists a version without its ID or its times")

func versionOf(p *azsecrets.SecretProperties) (version, error) {
	if p == nil || p.ID == nil || p.ID.Version() == "" || p.Attributes == nil || p.Attributes.Created == nil {
		return version{}, errIncomplete
	}
	v := version{id: p.ID.Version(), created: *p.Attributes.Created, enabled: p.Attributes.Enabled == nil || *p.Attributes.Enabled}
	if t := p.Tags[tagWriter]; t != nil {
		v.writer = *t
	}
	if t := p.Tags[tagReplaces]; t != nil && *t != nothing {
		v.replaces = *t
	}
	return v, nil
}
