package engineio_test

import (
	"errors"
	"testing"

	"github.com/sockd/sockd/instance/engineio/enginetest"
)

// refused expects a dial that was not let in.
func refused(t *testing.T, err error, status int, body string) {
	t.Helper()
	var e *enginetest.RefusedError
	if !errors.As(err, &e) {
		t.Fatalf("dial: %v, want a refusal", err)
	}
	if e.Response.Status != status || e.Response.Body != body {
		t.Errorf("answer %d %q, want %d %q", e.Response.Status, e.Response.Body, status, body)
	}
	if got := e.Response.Header.Get("Connection"); got != "close" {
		t.Errorf("connection header %q", got)
	}
}
