package auth_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sockd/sockd/instance/auth"
)

// reason returns why token is refused, or "".
func reason(t testing.TB, a *auth.Auth, token string) string {
	t.Helper()
	who, err := a.Check(token)
	if err == nil {
		return ""
	}
	var no auth.Refusal
	if !errors.As(err, &no) || err.Error() != "unauthorized: "+no.Reason {
		t.Fatalf("got %v, want a Refusal", err)
	}
	if who.Claims != nil || who.Subject != "" || !who.Expires.IsZero() {
		t.Errorf("refused, but who is %+v", who)
	}
	return no.Reason
}

func TestEverybodyIsLetInWithoutAuth(t *testing.T) {
	t.Parallel()
	a := compile(t, auth.Options{}, nil)
	for _, token := range []string{"", "x"} {
		if who, err := a.Check(token); err != nil || string(who.Claims) != "{}" || who.Subject != "" || !who.Expires.IsZero() {
			t.Errorf("%q: got %+v, %v", token, who, err)
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 16<<10)
	a := compile(t, auth.Options{Mode: auth.ModeToken, Tokens: []string{"first", "second", "first", long}}, nil)
	for _, token := range []string{"first", "second", long} {
		who, err := a.Check(token)
		if err != nil || string(who.Claims) != "{}" || !who.Expires.IsZero() {
			t.Errorf("%.10s: got %+v, %v", token, who, err)
		}
		if who.Subject == "" || strings.Contains(who.Subject, token) {
			t.Errorf("%.10s: subject %q", token, who.Subject)
		}
	}
	one, _ := a.Check("first")
	two, _ := a.Check("second")
	again, _ := compile(t, auth.Options{Mode: auth.ModeToken, Tokens: []string{"first"}}, nil).Check("first")
	if one.Subject == two.Subject || one.Subject != again.Subject {
		t.Errorf("subjects %q, %q and, from another list, %q", one.Subject, two.Subject, again.Subject)
	}
	tests := map[string]string{"": "missing", "third": "unknown", "firs": "unknown", "first ": "unknown", "FIRST": "unknown", long + "x": "malformed"}
	for token, want := range tests {
		if got := reason(t, a, token); got != want {
			t.Errorf("%.20q: got %q, want %q", token, got, want)
		}
	}
}

func TestEveryAlgorithmAndFormOfKey(t *testing.T) {
	t.Parallel()
	oct := fmt.Sprintf(`{"kty":"oct","kid":"1","k":%q}`, b64([]byte(secret)))
	for _, alg := range []string{
		"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
	} {
		name, forms := kindOf[alg], map[string]auth.Options{}
		if name == "" {
			name = secret
			forms["secret"] = auth.Options{Secret: []byte(secret)}
			forms["set"] = auth.Options{JWKS: jwks(oct)}
		} else {
			forms["PEM"] = auth.Options{PublicKeyPEM: append([]byte("a key:\n"), publicPEM(name)...)}
			forms["set"] = auth.Options{JWKS: jwks(`{"kty":"new"}`, jwkOf(name, "1", `"use":"sig","alg":"`+alg+`",`), oct)}
		}
		for form, o := range forms {
			t.Run(alg+" by "+form, func(t *testing.T) {
				t.Parallel()
				o.Mode, o.Algorithms = auth.ModeJWT, []string{alg, alg}
				a := compile(t, o, nil)
				token := sign(t, alg, name, "1", `{"sub":"ann"}`)
				if who, err := a.Check(token); err != nil || who.Subject != "ann" || string(who.Claims) != `{"sub":"ann"}` {
					t.Errorf("got %+v, %v", who, err)
				}
				if got := reason(t, a, changed(token)); got != "signature" {
					t.Errorf("with other claims: got %q, want signature", got)
				}
				if got := reason(t, a, token[:strings.LastIndex(token, ".")+1]); got != "signature" {
					t.Errorf("without a signature: got %q, want signature", got)
				}
			})
		}
	}
}

// changed gives a token other claims.
func changed(token string) string {
	parts := strings.Split(token, ".")
	return parts[0] + "." + b64([]byte(`{"sub":"bob"}`)) + "." + parts[2]
}

func TestAlgorithmIsPinned(t *testing.T) {
	t.Parallel()
	rs := signedBy("RS256")
	rs.PublicKeyPEM = publicPEM("RSA")
	a := compile(t, rs, nil)
	none := b64([]byte(`{"alg":"none"}`)) + "." + b64([]byte(`{"sub":"eve"}`)) + "."
	tests := []struct{ name, token, want string }{
		{"none", none, "algorithm"},
		{"None", b64([]byte(`{"alg":"None"}`)) + "." + b64([]byte(`{}`)) + ".", "algorithm"},
		{"the public key as a secret", sign(t, "HS256", string(publicPEM("RSA")), "", `{}`), "algorithm"},
		{"another hash with the same key", sign(t, "RS512", "RSA", "", `{}`), "algorithm"},
		{"other padding with the same key", sign(t, "PS256", "RSA", "", `{}`), "algorithm"},
		{"another key", sign(t, "RS256", "other RSA", "", `{}`), "signature"},
		{"says RS256, is PS256", relabel(sign(t, "PS256", "RSA", "", `{}`), "RS256"), "signature"},
	}
	for _, tt := range tests {
		if got := reason(t, a, tt.token); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func relabel(token, alg string) string {
	_, rest, _ := strings.Cut(token, ".")
	return b64([]byte(`{"alg":"`+alg+`"}`)) + "." + rest
}

func TestKidSelects(t *testing.T) {
	t.Parallel()
	o := signedBy("RS256", "ES256")
	o.JWKS = jwks(jwkOf("RSA", "a", ""), jwkOf("other RSA", "b", ""), jwkOf("P-256", "", ""))
	a := compile(t, o, nil)
	tests := []struct{ name, alg, key, kid, want string }{
		{"its own", "RS256", "RSA", "a", ""},
		{"that of another key", "RS256", "RSA", "b", "signature"},
		{"an unknown one", "RS256", "RSA", "c", "unknown"},
		{"none", "RS256", "other RSA", "", ""},
		{"a key without one", "ES256", "P-256", "z", ""},
	}
	for _, tt := range tests {
		if got := reason(t, a, sign(t, tt.alg, tt.key, tt.kid, `{}`)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestSeveralKeysInOneFile(t *testing.T) {
	t.Parallel()
	o := signedBy("RS256", "EdDSA")
	o.PublicKeyPEM = append(append(publicPEM("RSA"), publicPEM("Ed25519")...), publicPEM("other RSA")...)
	a := compile(t, o, nil)
	for key, alg := range map[string]string{"RSA": "RS256", "other RSA": "RS256", "Ed25519": "EdDSA"} {
		if got := reason(t, a, sign(t, alg, key, "any", `{}`)); got != "" {
			t.Errorf("%s: got %q", key, got)
		}
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().Unix()
		o := signedBy("HS256")
		o.Secret, o.Audience, o.Issuer, o.Leeway = []byte(secret), "chat", "https://issuer", 10*time.Second
		a := compile(t, o, nil)
		tests := []struct{ claims, want string }{
			{`"sub":"ann"`, ""},
			{fmt.Sprintf(`"exp":%d`, now+1), ""},
			{fmt.Sprintf(`"exp":%d`, now-9), ""},
			{fmt.Sprintf(`"exp":%d`, now-10), "expired"},
			{fmt.Sprintf(`"exp":%d.5`, now-10), ""},
			{`"exp":0`, "expired"},
			{`"exp":-5`, "expired"},
			{`"exp":-1e400`, "expired"},
			{`"exp":1e400`, ""},
			{`"exp":1e30`, ""},
			{`"exp":"soon"`, "claims"},
			{fmt.Sprintf(`"exp":"%d"`, now+100), "claims"},
			{`"exp":null`, "claims"},
			{`"exp":true`, "claims"},
			{fmt.Sprintf(`"exp":%d,"exp":%d`, now-100, now+100), "claims"},
			{fmt.Sprintf(`"EXP":%d`, now-100), ""},
			{fmt.Sprintf(`"nbf":%d`, now+10), ""},
			{fmt.Sprintf(`"nbf":%d`, now+11), "not_before"},
			{`"nbf":{}`, "claims"},
			{fmt.Sprintf(`"iat":%d`, now+10), ""},
			{fmt.Sprintf(`"iat":%d`, now+11), "not_before"},
			{`"iat":"x"`, "claims"},
			{`"sub":7`, ""},
			{`"sub":null`, "claims"},
			{`"sub":["x"]`, "claims"},
		}
		for _, tt := range tests {
			token := sign(t, "HS256", secret, "", `{"aud":["x","chat"],"iss":"https://issuer",`+tt.claims+`}`)
			if got := reason(t, a, token); got != tt.want {
				t.Errorf("%s: got %q, want %q", tt.claims, got, tt.want)
			}
		}
		whole := []struct{ claims, want string }{
			{`{"aud":"chat","iss":"https://issuer"}`, ""},
			{`{"iss":"https://issuer"}`, "audience"},
			{`{"aud":[],"iss":"https://issuer"}`, "audience"},
			{`{"aud":"Chat","iss":"https://issuer"}`, "audience"},
			{`{"aud":{"chat":1},"iss":"https://issuer"}`, "claims"},
			{`{"aud":["chat",1],"iss":"https://issuer"}`, "claims"},
			{`{"aud":"chat"}`, "issuer"},
			{`{"aud":"chat","iss":"https://issuer/"}`, "issuer"},
			{`{"aud":"chat","iss":1}`, "claims"},
			{`[]`, "claims"}, {`null`, "claims"}, {`{`, "claims"}, {``, "claims"}, {`{} {}`, "claims"}, {`{"a":1,}`, "claims"}, {"{\"a\":\"\xff\"}", "claims"},
		}
		for _, tt := range whole {
			if got := reason(t, a, sign(t, "HS256", secret, "", tt.claims)); got != tt.want {
				t.Errorf("%s: got %q, want %q", tt.claims, got, tt.want)
			}
		}
	})
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := signedBy("HS256")
		o.Secret, o.Leeway = []byte(secret), 5*time.Second
		a := compile(t, o, nil)
		exp := time.Now().Unix() + 60
		who, err := a.Check(sign(t, "HS256", secret, "", fmt.Sprintf("{\n \"exp\": %d,\n \"n\": 12345678901234567890.10, \"sub\": \"a\\u00e9\"}", exp)))
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf(`{"exp":%d,"n":12345678901234567890.10,"sub":"a\u00e9"}`, exp); string(who.Claims) != want {
			t.Errorf("claims: got %s, want %s", who.Claims, want)
		}
		if who.Subject != "aé" || !who.Expires.Equal(time.Unix(exp+5, 0)) {
			t.Errorf("got %+v", who)
		}
		time.AfterFunc(time.Until(who.Expires), func() {
			if got := reason(t, a, sign(t, "HS256", secret, "", fmt.Sprintf(`{"exp":%d}`, exp))); got != "expired" {
				t.Errorf("at the time that Expires told: got %q", got)
			}
		})
	})
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	o := signedBy("HS256")
	o.Secret = []byte("x") // short, but that is the operator's to decide
	a := compile(t, o, nil)
	good := sign(t, "HS256", "x", "", `{}`)
	if got := reason(t, a, good); got != "" {
		t.Fatalf("the good one: %q", got)
	}
	header := func(h map[string]any) string { return signWith(t, "HS256", "x", h, `{}`) }
	parts := strings.Split(good, ".")
	tests := map[string]string{
		"one part":            "abc",
		"two parts":           parts[0] + "." + parts[1],
		"four parts":          good + ".x",
		"five parts":          good + ".x.x",
		"padding":             good + "=",
		"a line end":          good + "\n",
		"a line end inside":   parts[0] + "." + parts[1] + "\n." + parts[2],
		"a blank":             " " + good,
		"standard base64":     parts[0] + "." + parts[1] + "./+" + parts[2][2:],
		"bits left over":      "e" + "." + parts[1] + "." + parts[2],
		"header is a list":    b64([]byte(`["alg"]`)) + "." + parts[1] + "." + parts[2],
		"header is cut":       b64([]byte(`{"alg":"HS256"`)) + "." + parts[1] + "." + parts[2],
		"two algorithms":      b64([]byte(`{"alg":"HS256","alg":"HS256"}`)) + "." + parts[1] + "." + parts[2],
		"no algorithm":        header(map[string]any{"typ": "JWT"}),
		"a number":            header(map[string]any{"alg": 256}),
		"kid is a number":     header(map[string]any{"alg": "HS256", "kid": 1}),
		"crit":                header(map[string]any{"alg": "HS256", "crit": []string{"exp"}}),
		"crit is empty":       header(map[string]any{"alg": "HS256", "crit": []string{}}),
		"crit is null":        header(map[string]any{"alg": "HS256", "crit": nil}),
		"unencoded payload":   header(map[string]any{"alg": "HS256", "b64": false, "crit": []string{"b64"}}),
		"over sixteen KiB":    sign(t, "HS256", "x", "", `{"a":"`+strings.Repeat("y", 16<<10)+`"}`),
		"only dots":           "..",
		"header of dead bits": "AB." + parts[1] + "." + parts[2],
	}
	for name, token := range tests {
		if got := reason(t, a, token); got != "malformed" {
			t.Errorf("%s: got %q, want malformed", name, got)
		}
	}
	if got := reason(t, a, ""); got != "missing" {
		t.Errorf("empty: got %q, want missing", got)
	}
}

func TestConcurrentChecks(t *testing.T) {
	t.Parallel()
	o := signedBy("ES256")
	o.PublicKeyPEM = publicPEM("P-256")
	a, token := compile(t, o, nil), sign(t, "ES256", "P-256", "", `{"sub":"ann"}`)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if who, err := a.Check(token); err != nil || who.Subject != "ann" {
					t.Errorf("got %+v, %v", who, err)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzCheck(f *testing.F) {
	o := signedBy("HS256", "HS512")
	o.Secret = []byte(secret)
	signed, err := auth.New(o, nil)
	if err != nil {
		f.Fatal(err)
	}
	listed, err := auth.New(auth.Options{Mode: auth.ModeToken, Tokens: []string{"known"}}, nil)
	if err != nil {
		f.Fatal(err)
	}
	good := sign(f, "HS256", secret, "k", `{"sub":"ann","exp":4102444800,"aud":["x"]}`)
	for _, seed := range []string{good, "", ".", "..", "known", changed(good), relabel(good, "none"), good + "\n", strings.Repeat("A", 20000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if who, err := listed.Check(token); (err == nil) != (token == "known") {
			t.Fatalf("list: %q gives %+v, %v", token, who, err)
		}
		if reason(t, signed, token) != "" {
			return
		}
		// Whatever is let in must be let in by the library too, from the same text.
		keys := func(*jwt.Token) (any, error) { return []byte(secret), nil }
		if _, err := jwt.Parse(token, keys, jwt.WithValidMethods([]string{"HS256", "HS512"}), jwt.WithStrictDecoding()); err != nil {
			t.Fatalf("%q is let in, but: %v", token, err)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	for _, alg := range []string{"HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "ES384", "EdDSA"} {
		o, name := signedBy(alg), kindOf[alg]
		if name == "" {
			name, o.Secret = secret, []byte(secret)
		} else {
			o.PublicKeyPEM = publicPEM(name)
		}
		a, token := compile(b, o, nil), sign(b, alg, name, "", `{"sub":"ann","exp":4102444800}`)
		b.Run(alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = a.Check(token)
			}
		})
	}
	for _, n := range []int{1, 100, 10_000} {
		tokens := make([]string, n)
		for i := range tokens {
			tokens[i] = fmt.Sprint("token ", i)
		}
		a := compile(b, auth.Options{Mode: auth.ModeToken, Tokens: tokens}, nil)
		b.Run(fmt.Sprint("token of ", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = a.Check(tokens[0])
			}
		})
	}
}
