package instance_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
)

const jwtSecret = "0123456789abcdef0123456789abcdef"

// signed is a token with these claims.
func signed(claims string) string {
	enc := base64.RawURLEncoding.EncodeToString
	text := enc([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc([]byte(claims))
	mac := hmac.New(sha256.New, []byte(jwtSecret))
	mac.Write([]byte(text))
	return text + "." + enc(mac.Sum(nil))
}

// connect opens a session, sends a CONNECT with this auth and returns the answer.
func connect(t testing.TB, addr, auth string) (*client, string) {
	t.Helper()
	c := open(t, addr)
	c.send("40" + auth)
	return c, c.recv()
}

func TestTokens(t *testing.T) {
	t.Parallel()
	c := written(t, `
[instance.x.auth]
mode = "token"
tokens_file = "tokens"
[instance.x.namespace."/free".on.a]
`, "tokens", "alpha\n# nobody's\n\nbeta\n")
	r := run(t, loops(t), c)
	for _, token := range []string{"alpha", "beta"} {
		if _, got := connect(t, r.addr, `{"token":"`+token+`"}`); !strings.HasPrefix(got, `40{"sid":`) {
			t.Errorf("%s: got %s", token, got)
		}
	}
	for auth, want := range map[string]string{
		``:                           `44{"message":"unauthorized","data":{"reason":"missing"}}`,
		`{"token":"gamma"}`:          `44{"message":"unauthorized","data":{"reason":"unknown"}}`,
		`{"token":"# nobody's"}`:     `44{"message":"unauthorized","data":{"reason":"unknown"}}`,
		`{"token":{"a":"alpha"}}`:    `44{"message":"unauthorized","data":{"reason":"missing"}}`,
		`{"token":"` + "alph" + `"}`: `44{"message":"unauthorized","data":{"reason":"unknown"}}`,
	} {
		if _, got := connect(t, r.addr, auth); got != want {
			t.Errorf("%s: got %s, want %s", auth, got, want)
		}
	}
	counted(t, r, "instance.unauthorized")
}

func TestTokensRotateLive(t *testing.T) {
	t.Parallel()
	conf := func(token, overlap string) string {
		return fmt.Sprintf("[instance.x.auth]\nmode = \"token\"\ntokens = [%q]\noverlap = %q\n", token, overlap)
	}
	r := run(t, loops(t), written(t, conf("one", "5m")))
	stays, _ := connect(t, r.addr, `{"token":"one"}`)
	if err := r.Apply(written(t, conf("two", "5m"))); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"one", "two"} {
		if _, got := connect(t, r.addr, `{"token":"`+token+`"}`); !strings.HasPrefix(got, `40{"sid":`) {
			t.Errorf("%s within the overlap: got %s", token, got)
		}
	}
	if err := r.Apply(written(t, conf("three", "0s"))); err != nil {
		t.Fatal(err)
	}
	if _, got := connect(t, r.addr, `{"token":"two"}`); !strings.HasPrefix(got, "44") {
		t.Errorf("without overlap: got %s", got)
	}
	stays.send(`42["still","here"]`)
	stays.send(`41`)
	stays.send(`40{"token":"three"}`)
	if got := stays.recv(); !strings.HasPrefix(got, `40{"sid":`) {
		t.Errorf("an open connection: got %s", got)
	}
}

func TestJSONWebTokens(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), written(t, `
[instance.x.auth]
mode = "jwt"
jwt = { algorithms = ["HS256"], secret = "`+jwtSecret+`" }
join = ["user:{claims.sub}"]
[instance.x.on.hello]
emit = "hi"
to = "room:user:{0}"
args = "[.claims.sub]"
`))
	ann, got := connect(t, r.addr, `{"token":"`+signed(`{"sub":"ann","exp":4000000000}`)+`"}`)
	if !strings.HasPrefix(got, "40") {
		t.Fatalf("got %s", got)
	}
	bob, _ := connect(t, r.addr, `{"token":"`+signed(`{"sub":"bob"}`)+`"}`)
	bob.send(`42["hello","ann"]`)
	ann.want(`42["hi","bob"]`)
	if _, got := connect(t, r.addr, `{"token":"`+signed(`{"sub":"a","exp":1}`)+`"}`); got != `44{"message":"unauthorized","data":{"reason":"expired"}}` {
		t.Errorf("expired: got %s", got)
	}
	if _, got := connect(t, r.addr, `{"token":"`+signed(`{"nobody":1}`)+`"}`); !strings.Contains(got, `"reason":"rooms"`) {
		t.Errorf("without the claim that names a room: got %s", got)
	}
}

// TestTokenExpires ends the connection when the token's time is over, and no other.
func TestTokenExpires(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), written(t, `
[instance.x.auth]
mode = "jwt"
jwt = { algorithms = ["HS256"], secret = "`+jwtSecret+`" }
`))
	exp := time.Now().Add(2 * time.Second).Unix()
	short, _ := connect(t, r.addr, `{"token":"`+signed(fmt.Sprintf(`{"sub":"a","exp":%d}`, exp))+`"}`)
	long, _ := connect(t, r.addr, `{"token":"`+signed(`{"sub":"b","exp":4000000000}`)+`"}`)
	if got, err := short.read(); err == nil {
		t.Errorf("got %s instead of the end", got)
	}
	if time.Now().Unix() < exp {
		t.Error("ended before its time")
	}
	long.send(`42["x"]`)
	long.send("41")
	long.send("40")
	if got := long.recv(); !strings.HasPrefix(got, "44") {
		t.Errorf("got %s", got)
	}
}

func TestNamespaceHasItsOwnAuth(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), written(t, `
namespaces = ["/", "/admin"]
[instance.x.namespace."/admin".auth]
mode = "token"
tokens = ["secret"]
`))
	c, got := connect(t, r.addr, "")
	if !strings.HasPrefix(got, "40") {
		t.Errorf("main namespace: got %s", got)
	}
	c.send("40/admin,")
	c.want(`44/admin,{"message":"unauthorized","data":{"reason":"missing"}}`)
	c.send(`40/admin,{"token":"secret"}`)
	if got := c.recv(); !strings.HasPrefix(got, "40/admin,") {
		t.Errorf("got %s", got)
	}
}
