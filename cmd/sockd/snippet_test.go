package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sockd/sockd/config"
)

func TestSnippetOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		in   config.Instance
		want snippetData
	}{
		{"a hub", config.Instance{Host: "127.0.0.1", Path: "/socket.io/", Namespaces: []string{"/"}, Transports: []string{"polling", "websocket"}},
			snippetData{URL: "http://127.0.0.1:3001", Path: "/socket.io/", Script: "https://cdn.socket.io/4.8.1/socket.io.min.js"}},
		{"any address, its own client", config.Instance{Host: "::", Path: "/s/", ClientDir: "dist", Parser: "msgpack", Auth: &config.Auth{}},
			snippetData{URL: "http://localhost:3001", Path: "/s/", Msgpack: true, Token: true, Script: "http://localhost:3001/s/socket.io.msgpack.min.js"}},
		{"a namespace, one transport, TLS", config.Instance{Host: "::1", Namespaces: []string{"/a-*", "/b"}, Transports: []string{"websocket"}, TLS: &config.TLS{}},
			snippetData{URL: "https://[::1]:3001", Namespace: "/b", Transports: []string{"websocket"}, Script: "https://cdn.socket.io/4.8.1/socket.io.min.js"}},
		{"ingest", config.Instance{Host: "", Namespaces: []string{"*"}, Ingest: &config.Ingest{Path: "/e", Token: "t"}},
			snippetData{URL: "http://localhost:3001", Ingest: "/e", IngestToken: true, Script: "https://cdn.socket.io/4.8.1/socket.io.min.js"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.want.Name = "chat"
			got := snippetOf("chat", &tt.in, 3001)
			if strings.Join(got.Transports, " ") != strings.Join(tt.want.Transports, " ") {
				t.Errorf("transports %v, want %v", got.Transports, tt.want.Transports)
			}
			got.Transports, tt.want.Transports = nil, nil
			if g, w := got, tt.want; g.URL != w.URL || g.Namespace != w.Namespace || g.Path != w.Path || g.Script != w.Script || g.Msgpack != w.Msgpack ||
				g.Token != w.Token || g.Ingest != w.Ingest || g.IngestToken != w.IngestToken || g.Engine != w.Engine {
				t.Errorf("\n got %+v\nwant %+v", g, w)
			}
		})
	}
}

func TestSnippetsSayWhatIsNeeded(t *testing.T) {
	t.Parallel()
	full := snippetData{Name: "a<b", URL: "http://h:1", Namespace: "/it's", Path: "/p/", Transports: []string{"polling"}, Token: true, Script: "http://h/s.js"}
	ingest := full
	ingest.Ingest, ingest.IngestToken = "/in", true
	engine := snippetData{URL: "http://h:1", Path: "/p/", Engine: true, Script: "x"}
	for _, tt := range []struct {
		name, lang string
		data       snippetData
		want       []string
	}{
		{"js", "js", full, []string{`io("http://h:1/it's", {`, `path: "/p/"`, `transports: ["polling"]`, `auth: { token: "YOUR-TOKEN" }`}},
		{"python", "python", full, []string{`namespace = "/it's"`, `auth={"token": "YOUR-TOKEN"}`, `transports=["polling"]`}},
		{"curl", "curl", full, []string{`send '40/it'\''s,{"token":"YOUR-TOKEN"}'`, `send '42/it'\''s,["hello",{"from":"curl"}]'`}},
		{"curl by ingest", "curl", ingest, []string{`'http://h:1/in'`, `-H 'Authorization: Bearer YOUR-TOKEN'`, `"namespace": "/it's"`}},
		{"html", "html", full, []string{`<title>a&lt;b</title>`, `auth: { token: "YOUR-TOKEN" }`}},
		{"js of Engine.IO", "js", engine, []string{`new Socket("http://h:1", { path: "/p/" })`}},
		{"python of Engine.IO", "python", engine, []string{`engineio_path="/p/"`}},
		{"curl of Engine.IO", "curl", engine, []string{`send '4hello'`}},
		{"html of Engine.IO", "html", engine, []string{`eio("http://h:1", { path: "/p/" })`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			if err := writeSnippet(&b, tt.lang, tt.data); err != nil {
				t.Fatal(err)
			}
			for _, w := range tt.want {
				if !strings.Contains(b.String(), w) {
					t.Errorf("no %s in\n%s", w, &b)
				}
			}
			if strings.Contains(b.String(), "<no value>") {
				t.Errorf("an empty place in\n%s", &b)
			}
		})
	}
}
