package bench_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sockd/sockd/cmd/sockd/bench"
)

func TestOptionsAreRefusedInOneSentence(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, want string
		o          bench.Options
	}{
		{"no mode", "mode", bench.Options{}},
		{"too many clients", "clients", bench.Options{Mode: bench.Idle, Clients: 1 << 30}},
		{"a payload without room for the mark", "payload", bench.Options{Mode: bench.Fanout, Payload: 20}},
		{"too long", "--yes-really", bench.Options{Mode: bench.Fanout, Duration: time.Hour}},
		{"ingest without a path", "--ingest-path", bench.Options{Mode: bench.Ingest}},
		{"a rate of connects", "rate", bench.Options{Mode: bench.Connect, Rate: 5}},
		{"a transport of its own", "transport", bench.Options{Mode: bench.Ack, Transport: "webtransport"}},
		{"auth that is no object", "auth", bench.Options{Mode: bench.Ack, Auth: json.RawMessage(`[1]`)}},
		{"a token of two lines", "token", bench.Options{Mode: bench.Ack, Token: "a\r\nb: c"}},
		{"a path that is none", "path", bench.Options{Mode: bench.Ack, Path: "x"}},
		{"a namespace with a comma", "namespace", bench.Options{Mode: bench.Ack, Namespace: "/a,b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := tt.o.Check(); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v", err)
			}
		})
	}
	if err := (bench.Options{Mode: bench.Fanout}).Check(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}

func TestForeignTargetsAreRefused(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"http://8.8.8.8": "public", "http://[2001:4860:4860::8888]:80": "public", "https://127.0.0.1": "TLS", "127.0.0.1:80": "url", "ftp://localhost": "url", "http://": "url",
	} {
		_, err := bench.Run(context.Background(), bench.Options{URL: url, Mode: bench.Connect})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", url, err)
		}
	}
}

func TestSourceAddresses(t *testing.T) {
	t.Parallel()
	local := netip.MustParseAddrPort("127.0.0.1:80")
	for _, tt := range []struct {
		to   netip.AddrPort
		nth  int
		want string
	}{
		{local, 0, "invalid IP"}, {local, 19999, "invalid IP"}, {local, 20000, "127.0.0.2"}, {local, 60000, "127.0.0.4"}, {local, 1 << 23, "127.0.1.164"},
		{netip.MustParseAddrPort("10.0.0.1:80"), 20000, "invalid IP"}, {netip.MustParseAddrPort("[::1]:80"), 20000, "invalid IP"},
	} {
		if got := bench.Source(tt.to, tt.nth).String(); got != tt.want {
			t.Errorf("%v, connection %d: got %s, want %s", tt.to, tt.nth, got, tt.want)
		}
	}
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	got := bench.Due(time.Second, 3, 4)
	for i, want := range []time.Duration{time.Second, 1333333333, 1666666666, 2 * time.Second} {
		if got[i] != want {
			t.Errorf("event %d: got %v, want %v", i, got[i], want)
		}
	}
	if got := bench.Due(time.Second, 0, 3); got[2] != time.Second {
		t.Errorf("closed loop: got %v", got)
	}
}
