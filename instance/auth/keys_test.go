package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sockd/sockd/instance/auth"
)

// pairs are made once: RSA keys take their time.
var pairs = sync.OnceValue(func() map[string]crypto.Signer {
	m := map[string]crypto.Signer{}
	m["RSA"], _ = rsa.GenerateKey(rand.Reader, 2048)
	m["other RSA"], _ = rsa.GenerateKey(rand.Reader, 2048)
	m["P-256"], _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	m["P-384"], _ = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	m["P-521"], _ = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	_, m["Ed25519"], _ = ed25519.GenerateKey(rand.Reader)
	return m
})

// kindOf tells which key signs by an algorithm.
var kindOf = map[string]string{
	"RS256": "RSA", "RS384": "RSA", "RS512": "RSA", "PS256": "RSA", "PS384": "RSA", "PS512": "RSA",
	"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519",
}

const secret = "a secret of at least thirty-two bytes"

func publicPEM(name string) []byte {
	der, _ := x509.MarshalPKIXPublicKey(pairs()[name].Public())
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jwkOf writes the public key called name as a JSON Web Key; more holds further members.
func jwkOf(name, kid, more string) string {
	id := ""
	if kid != "" {
		id = fmt.Sprintf(`"kid":%q,`, kid)
	}
	id += more
	switch k := pairs()[name].Public().(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf(`{%s"kty":"RSA","n":%q,"e":%q}`, id, b64(k.N.Bytes()), b64(big.NewInt(int64(k.E)).Bytes()))
	case *ecdsa.PublicKey:
		point, _ := k.Bytes()
		half := len(point) / 2
		return fmt.Sprintf(`{%s"kty":"EC","crv":%q,"x":%q,"y":%q}`, id, k.Params().Name, b64(point[1:1+half]), b64(point[1+half:]))
	case ed25519.PublicKey:
		return fmt.Sprintf(`{%s"kty":"OKP","crv":"Ed25519","x":%q}`, id, b64(k))
	}
	return ""
}

func jwks(keys ...string) []byte { return []byte(`{"keys":[` + strings.Join(keys, ",") + `]}`) }

// sign makes a token; key is the name of a pair or an HMAC secret.
func sign(t testing.TB, alg, key, kid string, claims string) string {
	t.Helper()
	header := map[string]any{"alg": alg, "typ": "JWT"}
	if kid != "" {
		header["kid"] = kid
	}
	return signWith(t, alg, key, header, claims)
}

func signWith(t testing.TB, alg, key string, header map[string]any, claims string) string {
	t.Helper()
	h, _ := json.Marshal(header)
	text := b64(h) + "." + b64([]byte(claims))
	var private any = []byte(key)
	if k := pairs()[key]; k != nil {
		private = k
	}
	sig, err := jwt.GetSigningMethod(alg).Sign(text, private)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + b64(sig)
}

func compile(t testing.TB, o auth.Options, prev *auth.Auth) *auth.Auth {
	t.Helper()
	a, err := auth.New(o, prev)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func signedBy(algorithms ...string) auth.Options {
	return auth.Options{Mode: auth.ModeJWT, Algorithms: algorithms}
}

func TestFaultsOfTheConfiguration(t *testing.T) {
	t.Parallel()
	small := smallRSA(t)
	smallDER, _ := x509.MarshalPKIXPublicKey(small)
	smallPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: smallDER})
	smallJWK := fmt.Sprintf(`{"kty":"RSA","kid":"s","n":%q,"e":"AQAB"}`, b64(small.N.Bytes()))
	rsaDER, _ := x509.MarshalPKIXPublicKey(pairs()["RSA"].Public())
	privateDER, _ := x509.MarshalPKCS8PrivateKey(pairs()["RSA"])
	privatePEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: privateDER})
	oct := fmt.Sprintf(`{"kty":"oct","k":%q}`, b64([]byte(secret)))
	offCurve := fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q,"y":%[1]q}`, b64(make([]byte, 32)))
	type o = auth.Options
	tests := []struct {
		name string
		o    auth.Options
		want string
	}{
		{"a mode that is none", o{Mode: 9}, "mode: unknown value 9"},
		{"no tokens", o{Mode: auth.ModeToken}, "tokens: none given"},
		{"an empty token", o{Mode: auth.ModeToken, Tokens: []string{"a", ""}}, "tokens: number 2 has 0 bytes"},
		{"a token too long", o{Mode: auth.ModeToken, Tokens: []string{strings.Repeat("x", 16<<10+1)}}, "tokens: number 1 has 16385 bytes"},
		{"too many tokens", o{Mode: auth.ModeToken, Tokens: make([]string, 10_001)}, "tokens: 10001 given"},
		{"negative leeway", o{Leeway: -1}, "leeway"},
		{"negative overlap", o{Overlap: -1}, "overlap"},
		{"no algorithm", o{Secret: []byte(secret)}, "algorithms: none given"},
		{"none", o{Algorithms: []string{"none"}, Secret: []byte(secret)}, `algorithms: "none" is not supported`},
		{"an unknown algorithm", o{Algorithms: []string{"hs256"}, Secret: []byte(secret)}, `algorithms: "hs256" is not supported`},
		{"symmetric and not", o{Algorithms: []string{"RS256", "HS256"}, JWKS: jwks(oct)}, "algorithms: RS256 and HS256 cannot be used together"},
		{"no key", o{Algorithms: []string{"HS256"}}, "no key"},
		{"two keys", o{Algorithms: []string{"HS256"}, Secret: []byte("x"), JWKS: jwks(oct)}, "more than one of"},
		{"an empty secret", o{Algorithms: []string{"HS256"}, Secret: []byte{}}, "secret: empty"},
		{"a secret for RS256", o{Algorithms: []string{"RS256"}, Secret: []byte(secret)}, "secret: does not fit RS256"},
		{"a public key as secret", o{Algorithms: []string{"HS256"}, Secret: publicPEM("RSA")}, "secret: is a file of keys"},
		{"a public key as secret, broken", o{Algorithms: []string{"HS256"}, Secret: publicPEM("RSA")[:60]}, "secret: is a file of keys"},
		{"a public key as secret, DER", o{Algorithms: []string{"HS256"}, Secret: rsaDER}, "secret: is a file of keys"},
		{"a set as secret", o{Algorithms: []string{"HS256"}, Secret: jwks(jwkOf("RSA", "", ""))}, "secret: is a file of keys"},
		{"a public key for HS256", o{Algorithms: []string{"HS256"}, PublicKeyPEM: publicPEM("RSA")}, "public_key: does not fit HS256"},
		{"a public set for HS256", o{Algorithms: []string{"HS256"}, JWKS: jwks(jwkOf("RSA", "", ""))}, "jwks: none of its 1 keys fits HS256"},
		{"a public key inside an oct key", o{Algorithms: []string{"HS256"}, JWKS: jwks(fmt.Sprintf(`{"kty":"oct","k":%q}`, b64(publicPEM("RSA"))))}, "k: is a file"},
		{"a secret set for RS256", o{Algorithms: []string{"RS256"}, JWKS: jwks(oct)}, "jwks: none of its 1 keys fits RS256"},
		{"no PEM", o{Algorithms: []string{"RS256"}, PublicKeyPEM: []byte("ssh-rsa AAAA")}, "public_key: no key in PEM"},
		{"an empty file", o{Algorithms: []string{"RS256"}, PublicKeyPEM: []byte{}}, "public_key: no key in PEM"},
		{"broken PEM", o{Algorithms: []string{"RS256"}, PublicKeyPEM: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: rsaDER[:40]})}, "public_key: "},
		{"a private key", o{Algorithms: []string{"RS256"}, PublicKeyPEM: privatePEM}, "public_key: is a private key"},
		{"another kind", o{Algorithms: []string{"ES256"}, PublicKeyPEM: publicPEM("RSA")}, "public_key: RSA key does not fit ES256"},
		{"another curve", o{Algorithms: []string{"ES256"}, PublicKeyPEM: publicPEM("P-384")}, "public_key: P-384 key does not fit ES256"},
		{"an algorithm without a key", o{Algorithms: []string{"RS256", "EdDSA"}, PublicKeyPEM: publicPEM("RSA")}, "public_key: no key fits EdDSA"},
		{"a small key", o{Algorithms: []string{"RS256"}, PublicKeyPEM: smallPEM}, "public_key: RSA key of 1024 bits"},
		{"a small key in a set", o{Algorithms: []string{"RS256"}, JWKS: jwks(smallJWK)}, `jwks: key 1 (kid "s"): RSA key of 1024 bits`},
		{"no set", o{Algorithms: []string{"RS256"}, JWKS: []byte("{}")}, `jwks: no member "keys"`},
		{"no JSON", o{Algorithms: []string{"RS256"}, JWKS: []byte("-----BEGIN")}, "jwks: "},
		{"an empty set", o{Algorithms: []string{"RS256"}, JWKS: jwks()}, "jwks: none of its 0 keys"},
		{"a key for encryption", o{Algorithms: []string{"RS256"}, JWKS: jwks(jwkOf("RSA", "", `"use":"enc",`))}, "jwks: none of its 1 keys"},
		{"a key for another algorithm", o{Algorithms: []string{"RS256"}, JWKS: jwks(jwkOf("RSA", "", `"alg":"PS256",`))}, "jwks: none of its 1 keys"},
		{"a key for signing", o{Algorithms: []string{"RS256"}, JWKS: jwks(jwkOf("RSA", "", `"key_ops":["encrypt"],`))}, "jwks: none of its 1 keys"},
		{"no modulus", o{Algorithms: []string{"RS256"}, JWKS: jwks(`{"kty":"RSA","e":"AQAB"}`)}, "n: missing"},
		{"a giant exponent", o{Algorithms: []string{"RS256"}, JWKS: jwks(`{"kty":"RSA","n":"AQAB","e":"gQAAAAA"}`)}, "e: more than 31 bits"},
		{"a point off the curve", o{Algorithms: []string{"ES256"}, JWKS: jwks(offCurve)}, "jwks: key 1"},
		{"half a point", o{Algorithms: []string{"ES256"}, JWKS: jwks(`{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`)}, "x: 1 bytes, not 32"},
		{"a short Ed25519 key", o{Algorithms: []string{"EdDSA"}, JWKS: jwks(`{"kty":"OKP","crv":"Ed25519","x":"AA"}`)}, "x: 1 bytes, not 32"},
		{"a key for key agreement", o{Algorithms: []string{"EdDSA"}, JWKS: jwks(`{"kty":"OKP","crv":"X25519","x":"AA"}`)}, "jwks: none of its 1 keys"},
		{"too many keys", o{Algorithms: []string{"HS256"}, JWKS: jwks(strings.Split(strings.Repeat(oct+"\n", 65), "\n")[:65]...)}, "jwks: 65 keys"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.o.Mode == auth.ModeNone && tt.o.Leeway == 0 && tt.o.Overlap == 0 {
				tt.o.Mode = auth.ModeJWT
			}
			_, err := auth.New(tt.o, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
}

// smallRSA returns a public key of 1024 bits, which cannot be made by crypto/rsa any more. Nobody needs its private part.
func smallRSA(t *testing.T) *rsa.PublicKey {
	p, err := rand.Prime(rand.Reader, 512)
	if err != nil {
		t.Fatal(err)
	}
	q, err := rand.Prime(rand.Reader, 512)
	if err != nil {
		t.Fatal(err)
	}
	return &rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537}
}
