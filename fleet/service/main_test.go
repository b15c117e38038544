package service_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// roleVariable makes the test binary another program: one that is started by a service manager, or by its predecessor.
const roleVariable = "SOCKD_TEST_ROLE"

func TestMain(m *testing.M) {
	roles := map[string]func() error{
		"activated": activated, "daemon": daemonRole, "keeps": keeping, "fails": failing, "ends": ending, "hangs": hanging, "babbles": babbling,
	}
	role := os.Getenv(roleVariable)
	if role == "" {
		os.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector waits a second at the end of each process
		goleak.VerifyTestMain(m)
		return
	}
	if err := roles[role](); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func self(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	return exe
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
