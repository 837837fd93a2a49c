package jwk

import "time"

// Leeway is the difference between two clocks that every check of a token's exp,
// nbf and iat accepts.
const Leeway = 30 * time.Second
