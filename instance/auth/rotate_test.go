package auth_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/auth"
)

// after lets d pass, in a bubble.
func after(d time.Duration) { <-time.After(d) }

func listOf(overlap time.Duration, tokens ...string) auth.Options {
	return auth.Options{Mode: auth.ModeToken, Tokens: tokens, Overlap: overlap}
}

// expect checks which of the tokens a lets in: those named in want.
func expect(t *testing.T, when string, a *auth.Auth, all []string, want ...string) {
	t.Helper()
	allowed := map[string]bool{}
	for _, w := range want {
		allowed[w] = true
	}
	for _, token := range all {
		if got := reason(t, a, token) == ""; got != allowed[token] {
			t.Errorf("%s: %q let in: got %v, want %v", when, token, got, allowed[token])
		}
	}
}

func TestTokenOverlap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := []string{"a", "b", "c", "d"}
		first := compile(t, listOf(time.Minute, "a", "b"), nil)
		second := compile(t, listOf(time.Minute, "b", "c"), first)
		expect(t, "the old one is not changed", first, all, "a", "b")
		expect(t, "at once", second, all, "a", "b", "c")
		after(30 * time.Second)
		same := compile(t, listOf(time.Minute, "b", "c"), second)
		third := compile(t, listOf(time.Minute, "d"), same)
		expect(t, "two changes on", third, all, "a", "b", "c", "d")
		after(30*time.Second - 1)
		expect(t, "just before the first overlap ends", third, all, "a", "b", "c", "d")
		after(1)
		expect(t, "no change prolongs an overlap", third, all, "b", "c", "d")
		expect(t, "nor for the one in between", second, all, "b", "c")
		after(30 * time.Second)
		expect(t, "the second has ended", third, all, "d")
		back := compile(t, listOf(time.Minute, "a"), third)
		after(2 * time.Minute)
		expect(t, "one that came back stays", back, all, "a")
	})
}

func TestOverlapCanBeCut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := []string{"a", "b"}
		second := compile(t, listOf(time.Hour, "b"), compile(t, listOf(0, "a"), nil))
		expect(t, "overlap", second, all, "a", "b")
		expect(t, "none any more", compile(t, listOf(0, "b"), second), all, "b")
		shorter := compile(t, listOf(time.Second, "b"), second)
		after(time.Second)
		expect(t, "a shorter one", shorter, all, "b")
	})
}

func TestChangeOfModeIsNoRotation(t *testing.T) {
	t.Parallel()
	o := signedBy("HS256")
	o.Secret, o.Overlap = []byte(secret), time.Hour
	a := compile(t, o, compile(t, listOf(time.Hour, "a"), nil))
	if got := reason(t, a, "a"); got != "malformed" {
		t.Errorf("a token of the list that was: got %q", got)
	}
	b := compile(t, listOf(time.Hour, "b"), a)
	if got := reason(t, b, sign(t, "HS256", secret, "", `{}`)); got != "unknown" {
		t.Errorf("a signed token, now with a list: got %q", got)
	}
}

func TestKeyOverlap(t *testing.T) {
	t.Parallel()
	pairs() // outside the bubble: making keys may use pools of the runtime
	synctest.Test(t, func(t *testing.T) {
		old, new := signedBy("HS256"), signedBy("RS256")
		old.Secret, old.Audience = []byte(secret), "x"
		new.PublicKeyPEM, new.Overlap, new.Audience = publicPEM("RSA"), time.Minute, "chat"
		a := compile(t, new, compile(t, old, nil))
		tests := []struct{ name, token, want, later string }{
			{"the new key", sign(t, "RS256", "RSA", "", `{"aud":"chat"}`), "", ""},
			{"the old key", sign(t, "HS256", secret, "", `{"aud":"chat"}`), "", "algorithm"},
			{"the old audience", sign(t, "HS256", secret, "", `{"aud":"x"}`), "audience", "algorithm"},
			{"the new key as the old secret", sign(t, "HS256", string(publicPEM("RSA")), "", `{"aud":"chat"}`), "signature", "algorithm"},
		}
		for _, tt := range tests {
			if got := reason(t, a, tt.token); got != tt.want {
				t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
			}
		}
		after(time.Minute)
		for _, tt := range tests {
			if got := reason(t, a, tt.token); got != tt.later {
				t.Errorf("%s, after the overlap: got %q, want %q", tt.name, got, tt.later)
			}
		}
	})
}

func TestKeySetOverlap(t *testing.T) {
	t.Parallel()
	o := signedBy("RS256")
	o.Overlap = time.Minute
	o.JWKS = jwks(jwkOf("RSA", "a", ""))
	first := compile(t, o, nil)
	o.JWKS = jwks(jwkOf("other RSA", "b", ""))
	second := compile(t, o, first)
	for kid, key := range map[string]string{"a": "RSA", "b": "other RSA"} {
		if got := reason(t, second, sign(t, "RS256", key, kid, `{}`)); got != "" {
			t.Errorf("kid %s: got %q", kid, got)
		}
	}
	if got := reason(t, first, sign(t, "RS256", "other RSA", "b", `{}`)); got != "unknown" {
		t.Errorf("the old set: got %q", got)
	}
}

// An algorithm that is taken away from a key that stays is no rotation.
func TestNarrowedAlgorithmsHaveNoOverlap(t *testing.T) {
	t.Parallel()
	o := signedBy("HS256", "HS512")
	o.Secret, o.Overlap = []byte(secret), time.Hour
	first := compile(t, o, nil)
	o.Algorithms = []string{"HS512"}
	if got := reason(t, compile(t, o, first), sign(t, "HS256", secret, "", `{}`)); got != "algorithm" {
		t.Errorf("got %q, want algorithm", got)
	}
}

func TestManyRotationsStayBounded(t *testing.T) {
	t.Parallel()
	o := signedBy("HS256")
	o.Overlap = time.Hour
	var a *auth.Auth
	for i := range 300 {
		o.Secret = fmt.Appendf(nil, "secret %d", i)
		a = compile(t, o, a)
	}
	valid := 0
	for i := range 300 {
		if reason(t, a, sign(t, "HS256", fmt.Sprint("secret ", i), "", `{}`)) == "" {
			valid++
		}
	}
	if valid != 65 {
		t.Errorf("got %d secrets that are valid, want the current one and 64", valid)
	}
	if got := reason(t, a, sign(t, "HS256", "secret 298", "", `{}`)); got != "" {
		t.Errorf("the last but one: got %q", got)
	}
}
