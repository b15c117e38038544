package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

const (
	minRSA = 2048 // bits
	maxRSA = 8192 // above, a verification takes milliseconds
)

// key verifies signatures by the methods that were configured and fit its kind, and by no others.
type key struct {
	kid     string
	methods []jwt.SigningMethod
	value   any // []byte, *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

// method returns the method called alg if the key is for it, else nil.
func (k *key) method(alg string) jwt.SigningMethod {
	for _, m := range k.methods {
		if m.Alg() == alg {
			return m
		}
	}
	return nil
}

func keyCredentials(o *Options) ([]credential, error) {
	methods, err := signingMethods(o.Algorithms)
	if err != nil {
		return nil, err
	}
	given := 0
	for _, source := range [][]byte{o.Secret, o.PublicKeyPEM, o.JWKS} {
		if source != nil {
			given++
		}
	}
	switch {
	case given == 0:
		return nil, errors.New("no key: one of secret, public_key and jwks is needed")
	case given > 1:
		return nil, errors.New("more than one of secret, public_key and jwks")
	case o.Secret != nil:
		return fromSecret(o.Secret, methods)
	case o.PublicKeyPEM != nil:
		return fromPEM(o.PublicKeyPEM, methods)
	}
	return fromJWKS(o.JWKS, methods)
}

// signingMethods finds the methods by their names. Symmetric and other ones together would let a public key be taken for a secret.
func signingMethods(names []string) ([]jwt.SigningMethod, error) {
	if len(names) == 0 {
		return nil, errors.New("algorithms: none given")
	}
	var methods []jwt.SigningMethod
	for _, name := range names {
		m := jwt.GetSigningMethod(name)
		if m == nil || name == "none" {
			return nil, fmt.Errorf("algorithms: %q is not supported", name)
		}
		if !slices.Contains(methods, m) {
			methods = append(methods, m)
		}
		if symmetric(m) != symmetric(methods[0]) {
			return nil, fmt.Errorf("algorithms: %s and %s cannot be used together", methods[0].Alg(), name)
		}
	}
	return methods, nil
}

func symmetric(m jwt.SigningMethod) bool {
	_, yes := m.(*jwt.SigningMethodHMAC)
	return yes
}

// fits reports whether m verifies with a key like value.
func fits(m jwt.SigningMethod, value any) bool {
	switch m := m.(type) {
	case *jwt.SigningMethodHMAC:
		_, ok := value.([]byte)
		return ok
	case *jwt.SigningMethodRSA, *jwt.SigningMethodRSAPSS:
		_, ok := value.(*rsa.PublicKey)
		return ok
	case *jwt.SigningMethodECDSA:
		k, ok := value.(*ecdsa.PublicKey)
		return ok && k.Curve.Params().BitSize == m.CurveBits
	case *jwt.SigningMethodEd25519:
		_, ok := value.(ed25519.PublicKey)
		return ok
	}
	return false
}

func fitting(methods []jwt.SigningMethod, value any) []jwt.SigningMethod {
	return slices.DeleteFunc(slices.Clone(methods), func(m jwt.SigningMethod) bool { return !fits(m, value) })
}

// algorithms lists methods for an error.
func algorithms(methods []jwt.SigningMethod) string {
	names := make([]string, len(methods))
	for i, m := range methods {
		names[i] = m.Alg()
	}
	return strings.Join(names, ", ")
}

// kind names the kind of a key for an error.
func kind(value any) string {
	switch k := value.(type) {
	case *rsa.PublicKey:
		return "RSA key"
	case *ecdsa.PublicKey:
		return k.Curve.Params().Name + " key"
	case ed25519.PublicKey:
		return "Ed25519 key"
	}
	return "key of this kind"
}

func newCredential(kid string, methods []jwt.SigningMethod, value any) (credential, error) {
	material, secret := value.([]byte)
	if !secret {
		var err error
		if material, err = x509.MarshalPKIXPublicKey(value); err != nil {
			return credential{}, err
		}
	}
	h := sha256.New()
	fmt.Fprintf(h, "%t %q ", secret, kid)
	_, _ = h.Write(material)
	return credential{id: [32]byte(h.Sum(nil)), key: &key{kid, methods, value}}, nil
}

func fromSecret(secret []byte, methods []jwt.SigningMethod) ([]credential, error) {
	switch {
	case !symmetric(methods[0]):
		return nil, fmt.Errorf("secret: does not fit %s, which need a public key", algorithms(methods))
	case len(secret) == 0:
		return nil, errors.New("secret: empty")
	case isKeyFile(secret):
		return nil, fmt.Errorf("secret: is a file of keys, which does not fit %s: who has the public key could sign tokens", algorithms(methods))
	}
	c, err := newCredential("", methods, bytes.Clone(secret))
	return []credential{c}, err
}

// isKeyFile recognizes what must never be a secret: public keys in PEM, DER, and JSON.
func isKeyFile(secret []byte) bool {
	if block, _ := pem.Decode(secret); block != nil || bytes.Contains(secret, []byte("-----BEGIN ")) {
		return true
	}
	if _, err := publicKey(secret); err == nil {
		return true
	}
	var object struct {
		Keys *json.RawMessage `json:"keys"`
		Kty  *json.RawMessage `json:"kty"`
	}
	return json.Unmarshal(secret, &object) == nil && (object.Keys != nil || object.Kty != nil)
}

// publicKey reads a public key in each of its DER forms.
func publicKey(der []byte) (any, error) {
	if k, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return k, nil
	}
	if c, err := x509.ParseCertificate(der); err == nil {
		return c.PublicKey, nil
	}
	return x509.ParsePKIXPublicKey(der)
}

func fromPEM(text []byte, methods []jwt.SigningMethod) ([]credential, error) {
	if symmetric(methods[0]) {
		return nil, fmt.Errorf("public_key: does not fit %s, which need a secret", algorithms(methods))
	}
	var list []credential
	unused := slices.Clone(methods)
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		value, err := fromBlock(block)
		if err != nil {
			return nil, fmt.Errorf("public_key: %w", err)
		}
		usable := fitting(methods, value)
		if len(usable) == 0 {
			return nil, fmt.Errorf("public_key: %s does not fit %s", kind(value), algorithms(methods))
		}
		unused = slices.DeleteFunc(unused, func(m jwt.SigningMethod) bool { return slices.Contains(usable, m) })
		c, err := newCredential("", usable, value)
		if err != nil {
			return nil, fmt.Errorf("public_key: %w", err)
		}
		list = append(list, c)
	}
	switch {
	case len(list) == 0:
		return nil, errors.New("public_key: no key in PEM form")
	case len(list) > maxKeys:
		return nil, fmt.Errorf("public_key: %d keys, %d at most", len(list), maxKeys)
	case len(unused) > 0:
		return nil, fmt.Errorf("public_key: no key fits %s", algorithms(unused))
	}
	return list, nil
}

func fromBlock(block *pem.Block) (crypto.PublicKey, error) {
	if strings.Contains(block.Type, "PRIVATE KEY") {
		return nil, errors.New("is a private key: only its public part belongs here")
	}
	value, err := publicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", block.Type, err)
	}
	return value, checkSize(value)
}

// checkSize refuses RSA keys that are too weak, and those that would be too slow.
func checkSize(value any) error {
	k, ok := value.(*rsa.PublicKey)
	if !ok {
		return nil
	}
	switch bits := k.N.BitLen(); {
	case bits < minRSA:
		return fmt.Errorf("RSA key of %d bits, %d at least", bits, minRSA)
	case bits > maxRSA:
		return fmt.Errorf("RSA key of %d bits, %d at most", bits, maxRSA)
	case k.E < 3 || k.E%2 == 0:
		return fmt.Errorf("RSA key with the exponent %d", k.E)
	}
	return nil
}
