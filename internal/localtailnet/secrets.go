package localtailnet

import "slices"

// Secrets returns every secret that was handed out so far, for a test to look
// for: what a job asks the runtime with, its ID tokens, access tokens, auth
// keys, and the secrets of OAuth clients.
func (t *Tailnet) Secrets() []string {
	t.job.mu.Lock()
	secrets := append(slices.Clone(t.job.given), t.job.RequestToken)
	t.job.mu.Unlock()
	t.state.read(func() {
		for _, token := range t.state.tokens {
			secrets = append(secrets, token.secret)
		}
		for _, key := range t.state.keys {
			secrets = append(secrets, key.secret)
		}
		for _, c := range t.state.creds {
			if c.Secret != "" {
				secrets = append(secrets, c.Secret)
			}
		}
	})
	return secrets
}
