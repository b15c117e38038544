package auth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// jwk is a JSON Web Key (RFC 7517, section 4) as far as it serves to verify.
type jwk struct {
	Kty    string   `json:"kty"`
	Use    string   `json:"use"`
	KeyOps []string `json:"key_ops"`
	Alg    string   `json:"alg"`
	Kid    string   `json:"kid"`
	Crv    string   `json:"crv"`
	N      string   `json:"n"`
	E      string   `json:"e"`
	X      string   `json:"x"`
	Y      string   `json:"y"`
	K      string   `json:"k"`
}

// fromJWKS takes the keys of the set that fit. Others are ignored: a set is often made for more than one purpose.
func fromJWKS(text []byte, methods []jwt.SigningMethod) ([]credential, error) {
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("jwks: %w", err)
	}
	switch {
	case set.Keys == nil:
		return nil, errors.New(`jwks: no member "keys"`)
	case len(set.Keys) > maxKeys:
		return nil, fmt.Errorf("jwks: %d keys, %d at most", len(set.Keys), maxKeys)
	}
	var list []credential
	for i := range set.Keys {
		k := &set.Keys[i]
		usable := k.methods(methods)
		if len(usable) == 0 {
			continue
		}
		value, err := k.value()
		if err == nil {
			err = checkSize(value)
		}
		if err != nil {
			return nil, fmt.Errorf("jwks: key %d (kid %q): %w", i+1, k.Kid, err)
		}
		c, err := newCredential(k.Kid, fitting(usable, value), value)
		if err != nil {
			return nil, fmt.Errorf("jwks: key %d (kid %q): %w", i+1, k.Kid, err)
		}
		list = append(list, c)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("jwks: none of its %d keys fits %s", len(set.Keys), algorithms(methods))
	}
	return list, nil
}

// methods returns those of the configured methods that the key says it is for, by its kind, curve, purpose and algorithm.
func (k *jwk) methods(configured []jwt.SigningMethod) []jwt.SigningMethod {
	if k.Use != "" && k.Use != "sig" || k.KeyOps != nil && !slices.Contains(k.KeyOps, "verify") {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(configured), func(m jwt.SigningMethod) bool {
		return k.Alg != "" && k.Alg != m.Alg() || !k.suits(m)
	})
}

func (k *jwk) suits(m jwt.SigningMethod) bool {
	switch m := m.(type) {
	case *jwt.SigningMethodHMAC:
		return k.Kty == "oct"
	case *jwt.SigningMethodRSA, *jwt.SigningMethodRSAPSS:
		return k.Kty == "RSA"
	case *jwt.SigningMethodECDSA:
		return k.Kty == "EC" && k.Crv == fmt.Sprintf("P-%d", m.CurveBits)
	case *jwt.SigningMethodEd25519:
		return k.Kty == "OKP" && k.Crv == "Ed25519"
	}
	return false
}

// value returns the key as the signature methods want it.
func (k *jwk) value() (any, error) {
	switch k.Kty {
	case "oct":
		return k.secret()
	case "RSA":
		return k.rsa()
	case "EC":
		return k.ecdsa()
	}
	x, err := octets("x", k.X)
	if err == nil && len(x) != ed25519.PublicKeySize {
		err = fmt.Errorf("x: %d bytes, not %d", len(x), ed25519.PublicKeySize)
	}
	return ed25519.PublicKey(x), err
}

func (k *jwk) secret() (any, error) {
	secret, err := octets("k", k.K)
	if err == nil && isKeyFile(secret) {
		err = errors.New("k: is a file of keys")
	}
	return secret, err
}

func (k *jwk) rsa() (any, error) {
	n, err := octets("n", k.N)
	if err != nil {
		return nil, err
	}
	e, err := octets("e", k.E)
	if err != nil {
		return nil, err
	}
	if e = bytes.TrimLeft(e, "\x00"); len(e) > 4 || len(e) == 4 && e[0] > 127 {
		return nil, errors.New("e: more than 31 bits")
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, nil
}

func (k *jwk) ecdsa() (any, error) {
	curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[k.Crv]
	point := []byte{4} // uncompressed, SEC 1, section 2.3.3
	for _, c := range []struct{ name, text string }{{"x", k.X}, {"y", k.Y}} {
		v, err := octets(c.name, c.text)
		if err != nil {
			return nil, err
		}
		if size := (curve.Params().BitSize + 7) / 8; len(v) != size {
			return nil, fmt.Errorf("%s: %d bytes, not %d", c.name, len(v), size)
		}
		point = append(point, v...)
	}
	return ecdsa.ParseUncompressedPublicKey(curve, point)
}

// octets decodes a member. Padding is not allowed there, but some issuers write it.
func octets(name, text string) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: not base64url", name)
	case len(b) == 0:
		return nil, fmt.Errorf("%s: missing", name)
	}
	return b, nil
}
