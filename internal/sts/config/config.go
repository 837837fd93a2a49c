// Package config is the configuration of the token service: tsiam's file, read
// as it is, and what this service adds.
//
// Every setting is declared once, as a field below. Its key in the file, its
// flag, its variable, its default and its line in docs/token-service.md come
// from there.
package config

import "time"

// A Config is all that an operator can say. Load makes one; a zero one lacks
// the defaults.
type Config struct {
	TSNet      TSNet      `yaml:"tsnet"`
	Server     Server     `yaml:"server"`
	Tokens     Tokens     `yaml:"tokens"`
	Exchange   Exchange   `yaml:"exchange"`
	SigningKey SigningKey `yaml:"signingKey"`
	Audit      Audit      `yaml:"audit"`
	Logs       Logs       `yaml:"logs"`
}

// TSNet is the node that the service is on the tailnet.
type TSNet struct {
	Hostname      string   `yaml:"hostname" default:"tsiam" help:"name of the node"`
	AuthKey       Secret   `yaml:"authKey" before:"TS_AUTHKEY TS_AUTH_KEY" help:"auth key with which the node joins, if it has not yet; file:PATH reads it from a file"`
	StateDir      string   `yaml:"stateDir" help:"directory of the node's state; empty is tsnet beside the configuration file"`
	Ephemeral     bool     `yaml:"ephemeral" default:"false" help:"let the tailnet forget the node when it is offline"`
	AdvertiseTags []string `yaml:"advertiseTags" help:"tags of the node; needed to join without an auth key"`
	Funnel        bool     `yaml:"funnel" flag:"funnel" default:"false" help:"publish discovery and keys, and nothing else, on the internet by Tailscale Funnel"`

	ClientID      string `yaml:"clientId" before:"TS_CLIENT_ID" help:"client ID of a trust credential, to join by an ID token; or of the OAuth client"`
	ClientSecret  Secret `yaml:"clientSecret" before:"TS_CLIENT_SECRET" help:"secret of an OAuth client, to join without an auth key; file:PATH reads it from a file"`
	Audience      string `yaml:"audience" before:"TS_AUDIENCE" help:"audience of the ID token; empty is api.tailscale.com/CLIENT-ID"`
	IDTokenSource string `yaml:"idTokenSource" help:"where the ID token comes from: a source by name, env:NAME, file:PATH, url:URL or command:WORDS; empty detects it"`
	ControlURL    string `yaml:"controlUrl" before:"TS_CONTROL_URL" help:"control server, if not Tailscale's"`
	APIURL        string `yaml:"apiUrl" help:"Tailscale's API, if not at the control server or https://api.tailscale.com"`

	Host   bool   `yaml:"host" flag:"host" default:"false" help:"use the machine's own tailscaled, and be no node beside it"`
	Socket string `yaml:"socket" help:"socket of the machine's tailscaled; empty is the usual one"`
}

// Server is what listens.
type Server struct {
	Issuer    string `yaml:"issuer" flag:"issuer" help:"URL of the issuer, if it is not the node's own: of a bucket with the published files, or of several replicas"`
	Port      int    `yaml:"port" default:"0" help:"port on the tailnet; 0 is 443, or 80 without TLS"`
	TLS       string `yaml:"tls" flag:"tls" default:"tailscale" one:"tailscale files off" help:"tailscale (a certificate from Tailscale), files, or off (plain HTTP within the tailnet)"`
	CertFile  string `yaml:"certFile" help:"certificate chain (PEM), for tls: files"`
	KeyFile   string `yaml:"keyFile" help:"its private key (PEM), for tls: files"`
	OpsListen string `yaml:"opsListen" flag:"ops-listen" help:"address of the machine for /metrics, /readyz and /healthz, such as 127.0.0.1:9464; empty is none"`
	Rate      int    `yaml:"rate" flag:"rate" default:"10" help:"requests that one node may make in a second, on average; 0 is no limit"`
	Burst     int    `yaml:"burst" flag:"burst" default:"50" help:"requests that it may make at once"`
}

// Tokens is who gets which.
type Tokens struct {
	Lifetime                 time.Duration  `yaml:"lifetime" default:"5m" help:"of a token: 5s to 1h"`
	AllowedAudiences         []string       `yaml:"allowedAudiences" help:"audiences that may be asked for; a * stands for letters, digits, -, _ and ."`
	AllowEmptyNodeCapability bool           `yaml:"allowEmptyNodeCapability" default:"false" help:"let nodes that were granted no capability ask for every one of them"`
	SubjectClaim             string         `yaml:"subjectClaim" default:"nodeId" one:"nodeId name capability" help:"what sub says: nodeId; name, which a later node may have; or capability, the subject of the grant"`
	Claims                   map[string]any `yaml:"claims" help:"further claims, by name; empty is those of tsiam, without the capability map"`
	Audiences                []Audience     `yaml:"audiences" help:"audiences that may be asked for, whose tokens differ; the first that matches counts"`
}

// An Audience is one rule of tokens.audiences. What is empty is as for all.
type Audience struct {
	Match     string         `yaml:"match"`
	Lifetime  time.Duration  `yaml:"lifetime"`
	Algorithm string         `yaml:"algorithm"`
	Subject   string         `yaml:"subject"`
	Claims    map[string]any `yaml:"claims"`
}

// SigningKey is the keys and where they are kept.
type SigningKey struct {
	Storage   string `yaml:"storage" default:"file" help:"file, memory, etcd, AzureKeyVaultKeys or AzureKeyVaultSecrets"`
	Algorithm string `yaml:"algorithm" default:"ES256" help:"RS256, ES256, ES384, ES512 or EdDSA"`
	Curve     string `yaml:"curve" help:"of EdDSA: Ed25519"`

	File                 File         `yaml:"file"`
	Etcd                 Etcd         `yaml:"etcd"`
	AzureKeyVaultKeys    AzureKeys    `yaml:"azureKeyVaultKeys"`
	AzureKeyVaultSecrets AzureSecrets `yaml:"azureKeyVaultSecrets"`
	Rotation             Rotation     `yaml:"rotation"`
}

// File keeps the keys in a file.
type File struct {
	StoragePath string `yaml:"storagePath" help:"file of the keys, for storage: file"`
}

// Etcd keeps the keys in etcd, for several replicas.
type Etcd struct {
	Endpoints []string `yaml:"endpoints" help:"URLs of etcd's members, such as https://etcd-1.example.com:2379, for storage: etcd; http for the machine itself alone"`
	Key       string   `yaml:"key" default:"tailjoin-sts/keys" help:"key in etcd whose value is the signing keys"`
	Username  string   `yaml:"username" help:"user of etcd; empty is none"`
	Password  Secret   `yaml:"password" help:"of that user; file:PATH reads it from a file"`
	CAFile    string   `yaml:"caFile" help:"authorities that etcd's certificate may be of (PEM); empty is the machine's"`
	CertFile  string   `yaml:"certFile" help:"certificate of the service for etcd (PEM); empty is none"`
	KeyFile   string   `yaml:"keyFile" help:"its private key (PEM)"`
}

// AzureKeys keeps the private keys in Azure Key Vault, which signs.
type AzureKeys struct {
	VaultURL     string `yaml:"vaultUrl" help:"for storage: AzureKeyVaultKeys"`
	KeyName      string `yaml:"keyName" help:"what the names of the keys in the vault begin with: sts is sts-es256, and so on"`
	Hardware     bool   `yaml:"hardware" default:"false" help:"make new keys in the vault's hardware, which a Premium vault has"`
	StoragePath  string `yaml:"storagePath" help:"file that says which version of a key is for what"`
	SecretName   string `yaml:"secretName" help:"secret of the vault that says so, in the place of the file: for several replicas"`
	TenantID     string `yaml:"tenantId" help:"of the identity that uses the vault"`
	ClientID     string `yaml:"clientId" help:"of the identity that uses the vault"`
	ClientSecret Secret `yaml:"clientSecret" help:"of that identity; empty is a managed or federated one"`
}

// AzureSecrets keeps the ring as a secret of Azure Key Vault.
type AzureSecrets struct {
	VaultURL     string `yaml:"vaultUrl" help:"for storage: AzureKeyVaultSecrets"`
	SecretName   string `yaml:"secretName" help:"name of the secret with the keys"`
	TenantID     string `yaml:"tenantId" help:"of the identity that uses the vault"`
	ClientID     string `yaml:"clientId" help:"of the identity that uses the vault"`
	ClientSecret Secret `yaml:"clientSecret" help:"of that identity; empty is a managed or federated one"`
}

// Rotation is how long a key is what it is.
type Rotation struct {
	Every    time.Duration `yaml:"every" default:"2160h" help:"a key signs for so long, then the next one does; 0s is until somebody rotates"`
	Overlap  time.Duration `yaml:"overlap" default:"0s" help:"a key that signs no more stays published for so long; 0s is the longest lifetime and the skew"`
	Skew     time.Duration `yaml:"skew" default:"1m" help:"between clocks, and until every replica has heard of a new key"`
	Refresh  time.Duration `yaml:"refresh" default:"10s" help:"between two looks at the stored keys; after three in vain nothing is signed"`
	CacheFor time.Duration `yaml:"cacheFor" default:"5m" help:"verifiers may keep the published keys for so long (Cache-Control)"`
}

// Audit is where decisions are written down.
type Audit struct {
	Path string `yaml:"path" default:"-" help:"file to which a JSON line for each decision is added; - is the standard output"`
}

// Logs are words for people.
type Logs struct {
	Level            string `yaml:"level" default:"info" one:"debug info warn error" help:"debug, info, warn or error"`
	OmitHealthChecks bool   `yaml:"omitHealthChecks" default:"true" help:"leave /healthz and /readyz out of the requests that are logged at debug"`
	JSON             *bool  `yaml:"json" help:"JSON instead of text; empty is JSON unless a terminal reads it"`
}
