package clients_test

import (
	"bufio"
	"fmt"
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

// cell is one client over one transport, with an instance of its own.
type cell struct{ client, transports, instance string }

// cells gives each combination a name that is its instance's too.
func cells(clients ...string) []cell {
	var all []cell
	for _, c := range clients {
		for _, tr := range transports {
			all = append(all, cell{c, tr.list, strings.NewReplacer(".", "_", "-", "_").Replace(c) + "_" + tr.name})
		}
	}
	return all
}

func fleetOf(all []cell) string {
	var b strings.Builder
	b.WriteString(settings)
	for _, c := range all {
		fmt.Fprintf(&b, "[instance.%s]\n", c.instance)
	}
	return b.String()
}

func TestNode(t *testing.T) {
	t.Parallel()
	all := cells("socket.io-client", "socket.io-client-4.5")
	d := newDaemon(t, fleetOf(all))
	t.Run("clients", func(t *testing.T) {
		for _, c := range all {
			t.Run(c.instance, func(t *testing.T) {
				t.Parallel()
				pass(t, map[string]string{
					"URL": d.url(c.instance), "CLIENT": c.client, "TRANSPORTS": c.transports, "MAX_PAYLOAD": strconv.Itoa(maxPayload),
				}, "node", "--test", "--test-reporter=spec", "testdata/relay.mjs")
			})
		}
	})
}

func TestPython(t *testing.T) {
	t.Parallel()
	all := cells("blocking", "asyncio")
	d := newDaemon(t, fleetOf(all))
	t.Run("clients", func(t *testing.T) {
		for _, c := range all {
			t.Run(c.instance, func(t *testing.T) {
				t.Parallel()
				env := map[string]string{"URL": d.url(c.instance), "CLIENT": c.client, "TRANSPORTS": c.transports}
				if c.client == "blocking" {
					echo(t, d.url(c.instance))
				}
				pass(t, env, "/usr/bin/python3", "testdata/relay.py")
			})
		}
	})
}

// echo runs the peer under Node until the test ends.
func echo(t *testing.T, url string) {
	t.Helper()
	cmd := script(t.Context(), map[string]string{"URL": url}, "node", "testdata/echo.mjs")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("echo: %v", err)
	}
}
