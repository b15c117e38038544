package clients_test

import (
	"fmt"
	"testing"
)

// The reference applications of the official suites are TOML alone, and pass what the suites ask ten times in a row. They ask for answers within
// milliseconds, so this runs beside no other test.
func TestConformanceExample(t *testing.T) {
	ports := freePorts(t, 2)
	runWith(t, quick, examples+"/conformance/sockd.toml", fmt.Sprintf("ENGINE_PORT=%d", ports[0]), fmt.Sprintf("SOCKET_PORT=%d", ports[1]))
	t.Run("suites", func(t *testing.T) {
		for i, suite := range []string{"engine", "socket"} {
			t.Run(suite, func(t *testing.T) {
				t.Parallel()
				url := fmt.Sprintf("http://127.0.0.1:%d", ports[i])
				pass(t, map[string]string{"SUITE": suite, "URL": url, "ROUNDS": "10"}, "node", "testdata/conformance.mjs")
			})
		}
	})
}
