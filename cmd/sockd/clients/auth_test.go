package clients_test

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
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// authFolder holds the files with keys, and the file of the fleet beside them.
type authFolder struct {
	t   *testing.T
	dir string
}

func (f authFolder) write(name, text string) {
	f.t.Helper()
	file := filepath.Join(f.dir, name)
	if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil { // whole or not at all
		f.t.Fatal(err)
	}
}

func (f authFolder) run(toml string) *daemon {
	f.t.Helper()
	f.write("sockd.toml", "[admin]\nlisten = \"off\"\n"+
		"[fleet]\ndrain = \"0s\"\n[defaults]\nport = \"auto\"\nping = { interval = \"300ms\", timeout = \"20s\" }\n"+toml)
	return runFile(f.t, filepath.Join(f.dir, "sockd.toml"))
}

// knock connects to a namespace and returns the answer, without what differs each time.
func knock(t *testing.T, base, namespace, auth string, headers ...string) string {
	t.Helper()
	const query = "/socket.io/?EIO=4&transport=polling"
	_, open := fetch(t, "GET", base+query, "", headers...)
	var handshake struct{ SID string }
	if len(open) == 0 || json.Unmarshal(open[1:], &handshake) != nil {
		t.Fatalf("handshake: %s", open)
	}
	session := base + query + "&sid=" + handshake.SID
	fetch(t, "POST", session, "40"+namespace+auth)
	_, answer := fetch(t, "GET", session, "")
	for string(answer) == "2" { // a slow machine: a ping was first
		fetch(t, "POST", session, "3")
		_, answer = fetch(t, "GET", session, "")
	}
	fetch(t, "POST", session, "1")
	if strings.HasPrefix(string(answer), "40"+namespace+`{"sid":"`) {
		return "welcome"
	}
	var no struct {
		Message string
		Data    struct{ Reason string }
	}
	text, ok := strings.CutPrefix(string(answer), "44"+namespace)
	if !ok || json.Unmarshal([]byte(text), &no) != nil || no.Message != "unauthorized" {
		t.Fatalf("answer %s", answer)
	}
	return no.Data.Reason
}

// with is the auth of a client that has a token.
func with(token string) string { return fmt.Sprintf(`{"token":%q}`, token) }

// A file of tokens is followed while the server runs; what has left it is valid as long as the file of the fleet says.
func TestTokensFromOutside(t *testing.T) {
	t.Parallel()
	f := authFolder{t, t.TempDir()}
	f.write("tokens", "first\nsecond\n")
	const auth = "mode = \"token\"\ntokens_file = \"tokens\"\n"
	d := f.run("[instance.long.auth]\n" + auth + "overlap = \"1h\"\n[instance.none.auth]\n" + auth + "overlap = \"0s\"\n" +
		"[instance.part]\nnamespaces = [\"/\", \"/admin\"]\n[instance.part.namespace.\"/admin\".auth]\n" + auth)
	long, none, part := d.url("long"), d.url("none"), d.url("part")
	for _, c := range []struct{ url, namespace, auth, want string }{
		{long, "", with("first"), "welcome"},
		{long, "", with("second"), "welcome"},
		{long, "", with("third"), "unknown"},
		{long, "", with("firs"), "unknown"},
		{long, "", with(""), "missing"},
		{long, "", `{"token":7}`, "missing"},
		{long, "", "", "missing"},
		{part, "", "", "welcome"},
		{part, "/admin,", "", "missing"},
		{part, "/admin,", with("third"), "unknown"},
		{part, "/admin,", with("second"), "welcome"},
	} {
		if got := knock(t, c.url, c.namespace, c.auth); got != c.want {
			t.Errorf("%s%s with %s: %s, want %s", c.url, c.namespace, c.auth, got, c.want)
		}
	}
	if got := knock(t, long, "", "", "Authorization: Bearer first"); got != "welcome" {
		t.Errorf("a token in the header: %s", got)
	}
	stays := watch(t, long, map[string]string{"AUTH": with("first")})

	f.write("tokens", "third\nfourth\n") // nobody says so to the daemon
	for _, url := range []string{long, none, part} {
		tick := time.NewTicker(50 * time.Millisecond)
		for end := time.Now().Add(patience); knock(t, url, map[bool]string{true: "/admin,"}[url == part], with("third")) != "welcome"; <-tick.C {
			if time.Now().After(end) {
				t.Fatalf("%s: the new token is not known", url)
			}
		}
		tick.Stop()
	}
	for url, want := range map[string]string{long: "welcome", none: "unknown"} {
		if got := knock(t, url, "", with("first")); got != want {
			t.Errorf("%s with the previous token: %s, want %s", url, got, want)
		}
	}
	stays.emit("ping me")
	select {
	case l := <-stays.lines:
		t.Errorf("a connected client was told %s", l)
	default:
	}
}

// key is one way to sign.
type key struct {
	name, settings string
	method         jwt.SigningMethod
	sign, other    any // the key, and one that nobody knows
}

func keys(t *testing.T, f authFolder) []key {
	t.Helper()
	secret, other := make([]byte, 32), make([]byte, 32)
	_, _ = rand.Read(secret)
	_, _ = rand.Read(other)
	f.write("hs", base64.StdEncoding.EncodeToString(secret)+"\n")
	all := []key{{"hs", `algorithms = ["HS256"], secret_file = "hs"`, jwt.SigningMethodHS256, []byte(base64.StdEncoding.EncodeToString(secret)), other}}
	for _, k := range []struct {
		name   string
		method jwt.SigningMethod
		create func() (crypto.Signer, error)
	}{
		{"rs", jwt.SigningMethodRS256, func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }},
		{"es", jwt.SigningMethodES256, func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }},
		{"ed", jwt.SigningMethodEdDSA, func() (crypto.Signer, error) { _, k, err := ed25519.GenerateKey(rand.Reader); return k, err }},
	} {
		mine, err := k.create()
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := k.create()
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(mine.Public())
		if err != nil {
			t.Fatal(err)
		}
		f.write(k.name, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
		all = append(all, key{k.name, fmt.Sprintf(`algorithms = [%q], public_key_file = %q`, k.method.Alg(), k.name), k.method, mine, theirs})
	}
	return all
}

func sign(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	t.Helper()
	text, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Tokens of every kind of key, and what is wrong with some.
func TestSignedTokensFromOutside(t *testing.T) {
	t.Parallel()
	f := authFolder{t, t.TempDir()}
	all := keys(t, f)
	var toml strings.Builder
	for _, k := range all {
		fmt.Fprintf(&toml, "[instance.%s.auth]\nmode = \"jwt\"\njwt = { %s, audience = \"us\", issuer = \"them\" }\n", k.name, k.settings)
	}
	d := f.run(toml.String())
	public, err := os.ReadFile(filepath.Join(f.dir, "rs"))
	if err != nil {
		t.Fatal(err)
	}
	claims := func(more jwt.MapClaims) jwt.MapClaims {
		c := jwt.MapClaims{"sub": "ann", "aud": "us", "iss": "them", "exp": time.Now().Add(time.Hour).Unix()}
		for k, v := range more {
			c[k] = v
		}
		return c
	}
	hour := func(n int) int64 { return time.Now().Add(time.Duration(n) * time.Hour).Unix() }
	for _, k := range all {
		url := d.url(k.name)
		good := sign(t, k.method, k.sign, claims(nil))
		head, rest, _ := strings.Cut(good, ".")
		for name, c := range map[string]struct{ token, want string }{
			"good":              {good, "welcome"},
			"several audiences": {sign(t, k.method, k.sign, claims(jwt.MapClaims{"aud": []string{"you", "us"}})), "welcome"},
			"another key":       {sign(t, k.method, k.other, claims(nil)), "signature"},
			"expired":           {sign(t, k.method, k.sign, claims(jwt.MapClaims{"exp": hour(-1)})), "expired"},
			"another audience":  {sign(t, k.method, k.sign, claims(jwt.MapClaims{"aud": "you"})), "audience"},
			"cut":               {good[:len(good)-4], "refused"},
			"not yet":           {sign(t, k.method, k.sign, claims(jwt.MapClaims{"nbf": hour(1)})), "refused"},
			"another issuer":    {sign(t, k.method, k.sign, claims(jwt.MapClaims{"iss": "nobody"})), "refused"},
			"no algorithm":      {base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + strings.Split(rest, ".")[0] + ".", "refused"},
			"no signature":      {head + "." + strings.Split(rest, ".")[0] + ".", "refused"},
			"public as secret":  {sign(t, jwt.SigningMethodHS256, public, claims(nil)), "refused"},
			"three dots":        {"...", "refused"},
		} {
			got := knock(t, url, "", with(c.token))
			if got != c.want && (c.want != "refused" || got == "welcome") {
				t.Errorf("%s, %s: %s, want %s", k.name, name, got, c.want)
			}
		}
	}
}

// The claims say where a client is, the end of its token is the end of its connection, and it comes back with the next one.
func TestClaimsFromOutside(t *testing.T) {
	t.Parallel()
	f := authFolder{t, t.TempDir()}
	secret := []byte("a secret that is long enough for HS256")
	f.write("hs", string(secret))
	d := f.run("[instance.one.auth]\nmode = \"jwt\"\njwt = { algorithms = [\"HS256\"], secret_file = \"hs\" }\n" +
		"join = [\"user:{claims.sub}\", \"team:{claims.team.name}\"]\n" +
		"[instance.one.ingest]\npath = \"/in\"\n")
	url := d.url("one")
	token := func(sub string, lasts time.Duration) string {
		return sign(t, jwt.SigningMethodHS256, secret, jwt.MapClaims{"sub": sub, "team": map[string]string{"name": "red"}, "exp": time.Now().Add(lasts).Unix()})
	}
	f.write("token", token("ann", 4*time.Second))
	ann := watchAny(t, url, map[string]string{"TOKENS": filepath.Join(f.dir, "token"), "TRANSPORTS": "polling,websocket"})
	first := ann.expectStart(`["connect",`)
	bob := watch(t, url, map[string]string{"AUTH": with(token("bob", time.Hour))})
	f.write("token", token("ann", time.Hour))

	_, _ = fetch(t, "POST", url+"/in", `[{"event":"mine","room":"user:ann"},{"event":"ours","room":"team:red"},{"event":"none","room":"team:blue"}]`)
	ann.expect(`["mine"]`, `["ours"]`)
	bob.expect(`["ours"]`)
	ann.expectStart(`["disconnect",`)
	if second := ann.expectStart(`["connect",`); second == first {
		t.Errorf("after its token it is %s still", second)
	}
	fetch(t, "POST", url+"/in", `[{"event":"mine","room":"user:ann"},{"event":"ours","room":"team:red"}]`)
	ann.expect(`["mine"]`, `["ours"]`)
	bob.expect(`["ours"]`)

	py := terminal(t, "/usr/bin/env", "URL="+url, "TOKEN="+token("eve", time.Hour), "/usr/bin/python3", "testdata/auth.py")
	py.expect("connected")
	fetch(t, "POST", url+"/in", `{"event":"mine","args":["ü",1],"room":"user:eve"}`)
	py.expect("mine ü 1")
	py.expect("unauthorized malformed, unauthorized missing, unauthorized missing")
}
