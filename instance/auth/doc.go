// Package auth says who a client is: by a token from a list, or by a JSON Web Token.
//
//	a, err := auth.New(auth.Options{Mode: auth.ModeJWT, Algorithms: []string{"RS256"}, PublicKeyPEM: key, Overlap: 5 * time.Minute}, old)
//	who, err := a.Check(auth.Token(packet.Auth, r.Header, nil, false))
//	var no auth.Refusal
//	if errors.As(err, &no) {
//		refuse(no.Reason)
//	}
//
// # Ownership
//
// [New] compiles keys, reads no file and starts nothing. An [Auth] is immutable and keeps none of the slices that it was made of. A change of keys
// makes a new one, which takes from the one before it the credentials that are valid for a while yet; the old one stays as it is, so an edit that
// is rolled back has changed nothing.
//
// # Concurrency
//
// An Auth may be used by any number of goroutines. [Auth.Check] never waits, but costs what its cryptography does: a token or an HMAC some
// microseconds, a public key up to some hundred. It belongs on a lane rather than on a poller if public keys are in use.
//
// # Protocol
//
// JSON Web Signature in its compact form, RFC 7515, with the claims of RFC 7519 and the keys of RFC 7517 and RFC 8037:
// https://www.rfc-editor.org/rfc/rfc7519. The advice of RFC 8725 is followed.
//
// # Decisions
//
// The signature methods are those of golang-jwt. The frame around them is our own, because its parser decodes claims before their signature is
// known to be good, takes an exp of 0 for none, and does not say which claim was missing. A JWKS is read with the standard library: a file of
// public keys takes less code than the options of a library that also fetches, stores and signs.
//
// A signed token cannot choose how it is verified. Every key is bound to the algorithms that were configured and that fit its kind, symmetric and
// other algorithms cannot be configured together, and a secret that is a public key in disguise is refused, so the public key of an RS256 issuer
// never becomes an HMAC secret.
//
// A key that has left the configuration is valid for the overlap, and so are the algorithms that it was used with. Audience, issuer and leeway are
// always the current ones. With an overlap of 0 what has left is refused at once, also if an earlier change had promised it more time. A change of
// the mode is no rotation: nothing is kept.
package auth
