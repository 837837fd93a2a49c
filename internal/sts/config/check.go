package config

import (
	"cmp"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
)

// check reports what cannot be meant, and puts into their usual form what can
// be written in several.
func (c *Config) check() error {
	for _, part := range []func() error{c.checkChoices, c.checkServer, c.checkTokens, c.checkExchange, c.checkKeys} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// refuse is a problem with one setting.
func refuse(key, value, hint string) error {
	return diag.Input(key+" cannot be used", hint, diag.Fact{Name: key, Value: value})
}

// checkChoices looks at those settings that take one of a few words.
func (c *Config) checkChoices() error {
	for _, s := range Settings() {
		if len(s.choice) == 0 {
			continue
		}
		if value := valueOf(c, s.Path).String(); !slices.Contains(s.choice, value) {
			return refuse(s.Key(), value, "it is one of "+strings.Join(s.choice, ", "))
		}
	}
	return nil
}

func valueOf(c *Config, path []string) reflect.Value {
	v := reflect.ValueOf(c).Elem()
	for _, name := range path {
		field, _ := fieldOf(v.Type(), name)
		v = v.FieldByIndex(field.Index)
	}
	return v
}

func (c *Config) checkServer() error {
	s := &c.Server
	switch {
	case s.TLS == "files" && (s.CertFile == "" || s.KeyFile == ""):
		return refuse("server.tls", s.TLS, "set server.certFile and server.keyFile, too")
	case c.TSNet.Funnel && c.TSNet.Host:
		return refuse("tsnet.funnel", "true", "it takes a node of its own, without tsnet.host. Or write the files that it would publish: tailjoin-sts publish DIR")
	case c.TSNet.Funnel && s.TLS == "off":
		return refuse("tsnet.funnel", "true", "it takes TLS: leave server.tls out")
	case s.Port < 0 || s.Port > 65535:
		return refuse("server.port", fmt.Sprint(s.Port), "it is between 1 and 65535, or 0 for the usual one")
	case s.Rate < 0 || s.Burst < 1:
		return refuse("server.rate", fmt.Sprintf("%d, burst %d", s.Rate, s.Burst), "a rate is 0 or more, a burst 1 or more")
	case s.Issuer != "":
		return c.checkIssuer()
	}
	return nil
}

// checkIssuer demands what OpenID Connect Discovery 1.0, section 2, does. A /
// at the end would be a second issuer beside the one without.
func (c *Config) checkIssuer() error {
	u, err := url.Parse(c.Server.Issuer)
	plain := err == nil && u.Scheme == "http" && c.Server.TLS == "off"
	if err != nil || u.Scheme != "https" && !plain || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(u.Path, "/") {
		return refuse("server.issuer", c.Server.Issuer, "an address such as https://sts.example.com/path is wanted, with nothing behind it, and no / at its end")
	}
	return nil
}

// Limits of a token's lifetime. The longest is tsiam's, whose shortest is a
// minute.
const (
	shortest = 5 * time.Second
	longest  = time.Hour
)

func (c *Config) checkTokens() error {
	t := &c.Tokens
	t.Lifetime = t.Lifetime.Truncate(time.Second)
	if len(t.AllowedAudiences)+len(t.Audiences) == 0 {
		return refuse("tokens.allowedAudiences", "", "name an audience, such as https://api.example.com or sts.amazonaws.com: a token is for nobody without one")
	}
	if err := checkLifetime("tokens.lifetime", t.Lifetime); err != nil {
		return err
	}
	_, err := c.Policy()
	return err
}

func checkLifetime(key string, d time.Duration) error {
	if d < shortest || d > longest {
		return refuse(key, d.String(), fmt.Sprintf("it is between %v and %v, such as 5m", shortest, longest))
	}
	return nil
}

func (c *Config) checkKeys() error {
	k := &c.SigningKey
	if !slices.Contains(keyring.Algorithms(), k.Algorithm) {
		return refuse("signingKey.algorithm", k.Algorithm, "it is one of "+strings.Join(keyring.Algorithms(), ", "))
	}
	if k.Curve != "" && (k.Algorithm != "EdDSA" || k.Curve != "Ed25519") {
		return refuse("signingKey.curve", k.Curve, "leave it out; for EdDSA it may be Ed25519, which it is anyway")
	}
	needs, ok := k.needs()[strings.ToLower(k.Storage)]
	if !ok {
		return refuse("signingKey.storage", k.Storage, "it is file, memory, etcd, AzureKeyVaultKeys or AzureKeyVaultSecrets")
	}
	k.Storage = strings.ToLower(k.Storage)
	for _, need := range needs {
		if need[1] == "" {
			return refuse(need[0], "", "signingKey.storage "+k.Storage+" needs it")
		}
	}
	if v := &k.AzureKeyVaultKeys; v.StoragePath != "" && v.SecretName != "" {
		return refuse("signingKey.azureKeyVaultKeys.secretName", v.SecretName, "leave it or storagePath out: which keys are for what is said in one place")
	}
	timing, err := c.Timing()
	if err != nil {
		return err
	}
	return timing.Check()
}

// needs are the settings that a way to store keys cannot do without.
func (k *SigningKey) needs() map[string][][2]string {
	keys, secrets := &k.AzureKeyVaultKeys, &k.AzureKeyVaultSecrets
	return map[string][][2]string{
		"file":   {{"signingKey.file.storagePath", k.File.StoragePath}},
		"memory": {},
		"etcd": {
			{"signingKey.etcd.endpoints", strings.Join(k.Etcd.Endpoints, " ")},
			{"signingKey.etcd.key", k.Etcd.Key},
		},
		"azurekeyvaultkeys": {
			{"signingKey.azureKeyVaultKeys.vaultUrl", keys.VaultURL},
			{"signingKey.azureKeyVaultKeys.keyName", keys.KeyName},
			{"signingKey.azureKeyVaultKeys.storagePath", cmp.Or(keys.StoragePath, keys.SecretName)},
		},
		"azurekeyvaultsecrets": {
			{"signingKey.azureKeyVaultSecrets.vaultUrl", secrets.VaultURL},
			{"signingKey.azureKeyVaultSecrets.secretName", secrets.SecretName},
		},
	}
}
