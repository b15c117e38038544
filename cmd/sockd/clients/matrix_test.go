package clients_test

import (
	"bufio"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const maxPayload = 200_000

// settings are those of every instance of the matrix: namespaces to be refused, and limits near enough to be reached.
var settings = fmt.Sprintf(`[admin]
listen = "off"

[fleet]
drain = "0s"

[defaults]
port = "auto"
namespaces = ["/", "/chat", "/room-*"]
max_payload = "%dB"
ping = { interval = "300ms", timeout = "20s" }

`, maxPayload)

var transports = []struct{ name, list string }{
	{"polling", "polling"},
	{"websocket", "websocket"},
	{"upgrade", "polling,websocket"},
}

// cell is one client over one transport, with an instance of its own: a hub's clients hear each other.
type cell struct {
	script   string            // of testdata
	instance string            // its name
	keys     string            // of the instance
	env      map[string]string // of the script
}

// over makes a cell for each transport, or for those that are named.
func over(script, name, keys string, env map[string]string, only ...string) []cell {
	var all []cell
	for _, tr := range transports {
		if len(only) > 0 && !slices.Contains(only, tr.name) {
			continue
		}
		with := map[string]string{"TRANSPORTS": tr.list, "MAX_PAYLOAD": strconv.Itoa(maxPayload)}
		maps.Copy(with, env)
		all = append(all, cell{script, name + "_" + tr.name, keys, with})
	}
	return all
}

const (
	engine   = "protocol = \"engine.io\"\npath = \"/engine.io/\"\nnamespaces = [\"/\"]\n"
	msgpack  = "parser = \"msgpack\"\n"
	recovery = "recovery = { window = \"1m\" }\n"
	deflate  = "compression = { websocket = true }\n"
)

// matrix is every client of another hand, over all that it speaks.
func matrix() []cell {
	node := func(client string) map[string]string { return map[string]string{"CLIENT": client} }
	packed := func(client string) map[string]string {
		return map[string]string{"CLIENT": client, "PARSER": "socket.io-msgpack-parser"}
	}
	bundle := func(name string) map[string]string { return map[string]string{"BUNDLE": name} }
	served := fmt.Sprintf("client_dir = %q\n", bundles())
	return slices.Concat(
		over("relay.mjs", "node_4_8", "", node("socket.io-client")),
		over("relay.mjs", "node_4_7", "", node("socket.io-client-4.7")),
		over("relay.mjs", "node_4_5", "", node("socket.io-client-4.5")),
		over("relay.mjs", "node_4_1", "", node("socket.io-client-4.1")),
		over("relay.mjs", "msgpack_4_8", msgpack, packed("socket.io-client")),
		over("relay.mjs", "msgpack_4_7", msgpack, packed("socket.io-client-4.7"), "websocket"),
		over("relay.mjs", "msgpack_4_5", msgpack, packed("socket.io-client-4.5"), "polling"),
		over("relay.mjs", "msgpack_4_1", msgpack, packed("socket.io-client-4.1"), "upgrade"),
		over("relay.mjs", "deflate_4_8", deflate, node("socket.io-client"), "websocket", "upgrade"),
		over("relay.mjs", "bundle", served, bundle("socket.io.min.js"), "websocket"),
		over("relay.mjs", "bundle_msgpack", served+msgpack, bundle("socket.io.msgpack.min.js"), "websocket"),
		over("recover.mjs", "recover_4_8", recovery, node("socket.io-client")),
		over("recover.mjs", "recover_4_7", recovery, node("socket.io-client-4.7")),
		over("recover.mjs", "recover_msgpack", recovery+msgpack, packed("socket.io-client")),
		over("engine.mjs", "engine", engine, nil),
		over("deflate.mjs", "ws", engine+deflate, nil, "websocket"),
		over("relay.py", "blocking", "", node("blocking")),
		over("relay.py", "asyncio", "", node("asyncio")),
	)
}

// bundles is the folder of the files for browsers.
func bundles() string { return filepath.Join(modules, "node_modules", "socket.io", "client-dist") }

func fleetOf(all []cell) string {
	var b strings.Builder
	b.WriteString(settings)
	for _, c := range all {
		fmt.Fprintf(&b, "[instance.%s]\n%s", c.instance, c.keys)
	}
	return b.String()
}

// One daemon serves them all at once.
func TestMatrix(t *testing.T) {
	t.Parallel()
	all := matrix()
	d := newDaemon(t, fleetOf(all))
	t.Run("clients", func(t *testing.T) {
		for _, c := range all {
			t.Run(c.instance, func(t *testing.T) {
				t.Parallel()
				c.env["URL"] = d.url(c.instance)
				file := filepath.Join("testdata", c.script)
				if filepath.Ext(file) == ".mjs" {
					pass(t, c.env, "node", "--test-reporter=spec", file)
					return
				}
				if c.env["CLIENT"] == "blocking" {
					echo(t, c.env["URL"])
				}
				pass(t, c.env, "/usr/bin/python3", file)
			})
		}
	})
}

// echo runs the peer under Node until the test ends.
func echo(t *testing.T, url string) {
	t.Helper()
	_, _, out := begin(t, map[string]string{"URL": url}, "node", "testdata/echo.mjs")
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("echo: %v", err)
	}
}
