package fleet_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet"
)

// What only an instance itself finds wrong has the place of its table.
func TestCheckNamesThePlace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sockd.toml")
	if err := os.WriteFile(path, []byte("[instance.a]\nport = \"auto\"\n\n[instance.b]\nport = \"auto\"\nclient_dir = \"nowhere\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	var faults *config.Errors
	if err := fleet.Check(c); !errors.As(err, &faults) || len(faults.List) != 1 || !strings.HasPrefix(err.Error(), path+":4:1: instance.b: client_dir: ") {
		t.Errorf("Check: %v", err)
	}
}

// Check makes real instances and binds nothing: a port that is in use is no fault of the file.
func TestCheck(t *testing.T) {
	t.Parallel()
	ln, err := fleet.ListenTCP(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "sockd.toml")
	if err := os.WriteFile(path, []byte("[instance.a]\nport = "+port+"\n[instance.b]\nport = \"auto\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := fleet.Check(c); err != nil {
		t.Errorf("Check: %v", err)
	}
	if err := fleet.Check(file(on("a", 3001), on("b", 3001))); err == nil {
		t.Error("two instances at one address are no fault")
	}
}
