package fleet_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestMetricsStandBesideTheStatusThatTheyBelongTo(t *testing.T) {
	r := runFile(t, `
[instance.off]
enabled = false
port = 8765
[instance.web]
port = "auto"
[instance.web.ingest]
path = "/api/events"
`)
	status := r.Status().Instances[1]
	answer, err := http.Post("http://"+status.Address+"/api/events", "application/json", strings.NewReader(`{"event":"e"}`))
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	m := r.Metrics()
	if len(m.Instances) != 2 || m.Status.Instances[1].Name != "web" || m.Status.Instances[1].State != "ready" {
		t.Fatalf("got %+v", m)
	}
	off, web := m.Instances[0], m.Instances[1]
	if off.Name != "off" || off.Delivery != nil || off.Ingest != nil {
		t.Errorf("an instance that does not run: got %+v", off)
	}
	if web.Name != "web" || web.Delivery == nil || web.Delivery.Accepted != 1 || web.Ingest == nil || web.Ingest.Events != 1 || web.Journal != nil {
		t.Errorf("after one event: got %+v", web)
	}
}
