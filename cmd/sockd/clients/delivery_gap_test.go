package clients_test

import "testing"

const forgetful = `[admin]
listen = "off"

[defaults]
port = "auto"
recovery = { window = "1m" }
retry = { max_age = "1m" }

[defaults.on.disconnect]
emit = "left"
to = "others"
args = "[.sid]"
history = false

[instance.small]
history = { size = 5 }
[instance.small.ingest]
path = "/in"

[instance.last]
history = { size = 50, replay = "last:3" }
[instance.last.ingest]
path = "/in"
`

// Who comes back after more than is kept is told so, and gets the rest; see testdata/delivery_gap.mjs.
func TestGaps(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, forgetful)
	for _, transports := range []string{"websocket", "polling"} {
		pass(t, map[string]string{"SMALL": d.url("small"), "LAST": d.url("last"), "TRANSPORTS": transports}, "node", "testdata/delivery_gap.mjs")
	}
}
