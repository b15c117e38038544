package instance_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance"
)

// written is the instance x of a file, whose other half is in files: name and text in turn.
func written(t testing.TB, text string, files ...string) *config.Instance {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		name := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "sockd.toml")
	if err := os.WriteFile(file, []byte("[instance.x]\nport = \"auto\"\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, instance.Complaints)
	if err != nil {
		t.Fatal(err)
	}
	return c.Instances["x"]
}

func TestRules(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), written(t, `
namespaces = ["/", "/n"]
limits.rooms_per_client = 2
[instance.x.on.connect]
emit = "welcome"
to = "sender"
args = '[{you: .sid, from: .auth.name, port: $instance.port}]'
also = [{ emit = "came", to = "others", args = "[.sid]" }, { emit = "same", to = "sender" }]
[instance.x.on.disconnect]
emit = "left"
to = "others"
args = "[.sid] + .args"
[instance.x.on.join]
join = "{0}"
to = "none"
ack = true
[instance.x.on.leave]
leave = "{0}"
to = "none"
ack = "{args}"
[instance.x.on.say]
to = ["others:{0.room}", "sender"]
[instance.x.on.sum]
emit = "sum.{0}"
to = "sender"
args = ".args | add"
ack = '[(.args | length), .args[0]]'
[instance.x.on."debug.*"]
drop = true
[instance.x.on."debug.keep"]
to = "all"
[instance.x.on.strict]
schema = '{"type": "array", "items": {"type": "integer"}}'
to = "all"
[instance.x.on.echo]
to = "sender"
[instance.x.namespace."/n".on.echo]
emit = "other"
to = "sender"
`))
	a := open(t, r.addr)
	a.send(`40{"name":"Ann"}`)
	sid := strings.TrimSuffix(strings.TrimPrefix(a.recv(), `40{"sid":"`), `"}`)
	a.want(`42["welcome",{"from":"Ann","port":` + r.addr[strings.LastIndexByte(r.addr, ':')+1:] + `,"you":"` + sid + `"}]`)
	a.want(`42["same",{"name":"Ann"}]`)
	b := dial(t, r.addr, "")
	b.recv() // welcome
	b.want(`42["same",{}]`)
	a.want(`42["came","` + b.sid + `"]`)

	b.send(`421["join","r"]`)
	b.want(`431[]`)
	a.send(`42["say",{"room":"r"}]`)
	a.want(`42["say",{"room":"r"}]`) // one copy for the sender, who is not in the room
	b.want(`42["say",{"room":"r"}]`)
	b.send(`42["say",{"room":"r"}]`)
	b.want(`42["say",{"room":"r"}]`)
	b.send(`423["leave","r"]`)
	b.want(`433["r"]`)

	a.send(`424["sum",2,3]`)
	a.want(`42["sum.2",5]`)
	a.want(`434[2,2]`)
	a.send(`425["debug.x"]`)
	a.want(`435[{"error":{"code":"rule","message":"the rule drops this event"}}]`)
	a.send(`42["debug.keep"]`)
	a.want(`42["debug.keep"]`)
	b.want(`42["debug.keep"]`)
	a.send(`426["nobody"]`)
	if got := a.recv(); !strings.Contains(got, `"code":"no_rule"`) {
		t.Errorf("got %s", got)
	}
	a.send(`427["strict","x"]`)
	if got := a.recv(); !strings.Contains(got, `"code":"schema"`) {
		t.Errorf("got %s", got)
	}
	a.send(`42["join","r1"]`)
	a.send(`42["join","r2"]`)
	a.send(`428["join","r3"]`)
	a.want(`438[{"error":{"code":"rooms","message":"too many rooms"}}]`)
	a.send(`429["say",{}]`)
	if got := a.recv(); !strings.Contains(got, `"code":"placeholder"`) {
		t.Errorf("got %s", got)
	}

	a.send(`40/n`)
	a.recv()
	a.recv() // welcome
	a.recv() // same
	a.send(`42/n,["echo",1]`)
	a.want(`42/n,["other",1]`)
	a.send(`42["echo",{ "a" : 1.0 }]`)
	a.want(`42["echo",{ "a" : 1.0 }]`) // byte by byte
	_ = b.conn.Close()
	a.want(`42["left","` + b.sid + `","transport close"]`)

	for _, reason := range []string{"rule.rule", "rule.no_rule", "rule.schema", "rule.placeholder"} {
		if r.Stats().Dropped[reason] != 1 {
			t.Errorf("%s: %v", reason, r.Stats().Dropped)
		}
	}
}

// TestSlowRulesKeepTheOrder sends through a program and past it in turn. What waits is more than may wait, so that the client is held back.
func TestSlowRulesKeepTheOrder(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), written(t, `
[instance.x.on.slow]
to = "sender"
args = '[.args[0], ([range(200)] | add)]'
[instance.x.on.fast]
to = "sender"
`))
	a, b := dial(t, r.addr, ""), dial(t, r.addr, "")
	const n = 3000
	go func() {
		for i := range n {
			a.send(`42["slow",` + strconv.Itoa(i) + `]`)
			a.send(`42["fast",` + strconv.Itoa(i) + `]`)
		}
	}()
	b.send(`42["fast",0]`)
	b.want(`42["fast",0]`)
	for i := range n {
		a.want(`42["slow",` + strconv.Itoa(i) + `,19900]`)
		a.want(`42["fast",` + strconv.Itoa(i) + `]`)
	}
	if refused := r.Stats().Refused; refused["instance.work_queue"] != 0 {
		t.Errorf("lost events: %v", refused)
	}
}

func TestBinaryPassesThroughRules(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), written(t, `
[instance.x.on.same]
to = "sender"
[instance.x.on.turned]
to = "sender"
args = '[.args[1], .args[0], "end"]'
`))
	a := dial(t, r.addr, "")
	send := func(packet string) {
		a.send(packet)
		a.sendBinary("\x01")
		a.sendBinary("\x02")
	}
	send(`452-["same",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
	a.want(`452-["same",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
	a.wantBinary("\x01")
	a.wantBinary("\x02")
	send(`452-["turned",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
	a.want(`452-["turned",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},"end"]`)
	a.wantBinary("\x02")
	a.wantBinary("\x01")
}

func TestRulesChangeLive(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), written(t, "[instance.x.on.a]\nto = \"sender\"\n"))
	a := dial(t, r.addr, "")
	a.send(`42["a"]`)
	a.want(`42["a"]`)
	if err := r.Apply(written(t, "[instance.x.on.a]\nto = \"sender\"\nemit = \"b\"\n")); err != nil {
		t.Fatal(err)
	}
	a.send(`42["a"]`)
	a.want(`42["b"]`)
}

func TestComplaints(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "sockd.toml")
	text := `[instance.x]
port = 1
[instance.x.on.message]
args = "["
to = "room:{nobody}"
[instance.x.auth]
mode = "token"
tokens = ["t"]
join = ["{claims.sub"]
[instance.x.ingest]
path = "/in"
transform = "if"
[instance.x.json."/a"]
body = "{"
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(file, instance.Complaints)
	if err == nil {
		t.Fatal("no fault was found")
	}
	for _, place := range []string{":4:1: instance.x.on.message.args: ", ":5:1: instance.x.on.message.to: ", ":6:1: instance.x.auth: ", ":12:1: instance.x.ingest.transform: ", ":14:1: "} {
		if !strings.Contains(err.Error(), place) {
			t.Errorf("nothing at %s in\n%v", place, err)
		}
	}
}

func TestJSONAnswers(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), written(t, `
[instance.x.json."/info"]
body = '{"project": "{project}", "n": "{query.n}"}'
[instance.x.json."/health"]
body = '{status: "ok", port: $instance.port, clients: $instance.clients}'
`))
	dial(t, r.addr, "")
	status, h, body := request(t, r.addr, http.MethodGet, "/info?n=%22")
	if status != 200 || !strings.Contains(body, `", "n": "\""}`) || h.Get("Content-Type") != "application/json" {
		t.Errorf("got %d %v %s", status, h, body)
	}
	if _, _, body = request(t, r.addr, http.MethodGet, "/health"); !strings.Contains(body, `"clients":1`) {
		t.Errorf("got %s", body)
	}
	if status, _, _ = request(t, r.addr, http.MethodPost, "/info"); status != http.StatusMethodNotAllowed {
		t.Errorf("POST: got %d", status)
	}
	if status, _, body = request(t, r.addr, http.MethodHead, "/health"); status != 200 || body != "" {
		t.Errorf("HEAD: got %d %q", status, body)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("0123456789abcdef", 200_000)
	r := run(t, loops(t), written(t, `
[instance.x.static]
dir = "www"
rewrite = [{ from = "http://localhost:8765", to = "" }]
mounts = [{ at = "/big", dir = "big", immutable = true }, { at = "/none", dir = "none" }]
`, "www/index.html", "<p>http://localhost:8765/x</p>", "big/file.bin", big, "secret", "TOP"))
	status, h, body := request(t, r.addr, http.MethodGet, "/")
	if status != 200 || body != "<p>/x</p>" || h.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("got %d %v %s", status, h, body)
	}
	if status, h, body = request(t, r.addr, http.MethodGet, "/big/file.bin"); status != 200 || body != big || !strings.Contains(h.Get("Cache-Control"), "immutable") {
		t.Errorf("got %d %v and %d bytes", status, h, len(body))
	}
	if status, _, body = request(t, r.addr, http.MethodHead, "/big/file.bin"); status != 200 || body != "" {
		t.Errorf("HEAD: got %d %q", status, body)
	}
	if status, h, _ = request(t, r.addr, http.MethodGet, "/", "If-None-Match: "+tag(t, r)); status != http.StatusNotModified {
		t.Errorf("got %d %v", status, h)
	}
	for _, path := range []string{"/../secret", "/%2e%2e/secret", "/..%2fsecret", "//../secret", "/none/x"} {
		if _, _, body = request(t, r.addr, http.MethodGet, path); strings.Contains(body, "TOP") {
			t.Errorf("%s leads out", path)
		}
	}
}

func tag(t *testing.T, r *running) string {
	t.Helper()
	_, h, _ := request(t, r.addr, http.MethodGet, "/")
	return h.Get("ETag")
}

// TestRoomsOfConnect posts to a room at once when a client has its answer.
func TestRoomsOfConnect(t *testing.T) {
	t.Parallel()
	for name, when := range map[string]string{"by a placeholder": "", "by a rule with a program": "when = '.auth.room != null'\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, loops(t), written(t, posts+"[instance.x.on.connect]\njoin = \"{auth.room}\"\n"+when))
			for i := range 50 {
				room := "r" + strconv.Itoa(i)
				c, _ := connect(t, r.addr, `{"room":"`+room+`"}`)
				if _, body := postTo(t, r.addr, "/in", `{"event":"e","room":"`+room+`"}`); !strings.Contains(body, `"recipients":1`) {
					t.Fatalf("client %d: got %s", i, body)
				}
				c.want(`42["e"]`)
			}
		})
	}
}
