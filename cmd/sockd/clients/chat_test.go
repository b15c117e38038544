package clients_test

import (
	"fmt"
	"testing"
)

// Three people of two languages in the chat example, over each transport.
func TestChatExample(t *testing.T) {
	t.Parallel()
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			const secret = "only the tests know this one, 32 bytes"
			url := fmt.Sprintf("http://127.0.0.1:%d", freePorts(t, 1)[0])
			runFile(t, examples+"/chat/sockd.toml", "CHAT_PORT="+url[len("http://127.0.0.1:"):], "CHAT_SECRET="+secret)
			pass(t, map[string]string{"URL": url, "SECRET": secret, "TRANSPORTS": tr.list}, "node", "--test-reporter=spec", "testdata/chat.mjs")
		})
	}
}
