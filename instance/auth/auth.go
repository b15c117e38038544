package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Mode is the kind of credentials that clients bring.
type Mode uint8

// The modes.
const (
	ModeNone  Mode = iota // everybody is let in
	ModeToken             // one of a list of tokens
	ModeJWT               // a signed JSON Web Token
)

const (
	maxToken  = 16 << 10 // bytes of a token; a longer one is malformed
	maxTokens = 10_000   // of a list: each Check compares with all of them
	maxKeys   = 64       // of a set: a token without kid may be tried with all of them
)

// Options of an [Auth]. The zero value lets everybody in. Nothing in it is kept.
type Options struct {
	Mode   Mode
	Tokens []string // for ModeToken; one at least, 10,000 at most

	// For ModeJWT. Algorithms are those that a token may be signed by: HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256,
	// ES384, ES512, EdDSA. Exactly one of Secret, PublicKeyPEM and JWKS holds the keys.
	Algorithms   []string
	Secret       []byte        // for HS algorithms
	PublicKeyPEM []byte        // public keys or certificates, of which only the key counts; one at least, 64 at most
	JWKS         []byte        // a JSON Web Key Set with 64 keys at most. Those that fit no algorithm or are not for signatures are ignored.
	Audience     string        // aud must have it; "" = any, or none
	Issuer       string        // iss must be it; "" = any, or none
	Leeway       time.Duration // by which the clocks of issuer and server may differ

	Overlap time.Duration // how long credentials that are no longer configured stay valid
}

// Identity is who a client is.
type Identity struct {
	Claims  json.RawMessage // the token's claims on one line, numbers as they were written; {} unless the mode is ModeJWT. Not to be changed.
	Subject string          // the claim sub (a number as text), or a name made of the token's sum; "" = nobody in particular
	Expires time.Time       // from when on the client is to be put out, leeway included; zero = never
}

// Auth knows the credentials of one instance or namespace.
type Auth struct {
	mode        Mode
	credentials []credential // distinct; those that are configured first
	demands     demands
}

// New compiles o. Credentials of prev that o does not have stay valid for o.Overlap from now, or until the end of the overlap that they are in,
// if that is sooner. prev may be nil and is not changed. The error names every option that is at fault, by its name in the
// configuration, and no secret.
func New(o Options, prev *Auth) (*Auth, error) {
	var current []credential
	var err error
	switch o.Mode {
	case ModeNone:
	case ModeToken:
		current, err = tokenCredentials(o.Tokens)
	case ModeJWT:
		current, err = keyCredentials(&o)
	default:
		err = fmt.Errorf("mode: unknown value %d", o.Mode)
	}
	if o.Leeway < 0 {
		err = errors.Join(err, errors.New("leeway: must not be negative"))
	}
	if o.Overlap < 0 {
		err = errors.Join(err, errors.New("overlap: must not be negative"))
	}
	if err != nil {
		return nil, err
	}
	current = distinct(current)
	return &Auth{
		mode:        o.Mode,
		credentials: append(current, prev.retire(&o, current)...),
		demands:     demands{audience: o.Audience, issuer: o.Issuer, leeway: o.Leeway},
	}, nil
}

// Check says who has brought token. The error is a [Refusal].
func (a *Auth) Check(token string) (Identity, error) {
	switch {
	case a.mode == ModeNone:
		return Identity{Claims: json.RawMessage("{}")}, nil
	case token == "":
		return Identity{}, Refusal{Missing}
	case len(token) > maxToken:
		return Identity{}, Refusal{Malformed}
	case a.mode == ModeToken:
		return a.checkToken(token)
	}
	return a.checkSigned(token)
}
