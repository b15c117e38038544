package auth

// The reasons of a [Refusal]. The list is closed.
const (
	Missing   = "missing"    // no token was given
	Malformed = "malformed"  // not a JSON Web Token, too long, or with a header that must not be ignored
	Algorithm = "algorithm"  // signed by an algorithm that is not configured
	Signature = "signature"  // by none of the keys
	Expired   = "expired"    // exp is over
	NotBefore = "not_before" // nbf or iat is in the future
	Audience  = "audience"   // not meant for this audience
	Issuer    = "issuer"     // from another issuer
	Claims    = "claims"     // a claim has the wrong type
	Unknown   = "unknown"    // not a token of the list, or no key has its kid
)

// Refusal is the error of [Auth.Check]. It never holds anything of the token.
type Refusal struct{ Reason string }

// Error returns the refusal as a sentence for logs.
func (r Refusal) Error() string { return "unauthorized: " + r.Reason }
