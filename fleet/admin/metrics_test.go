package admin_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sockd/sockd/fleet/admin"
	"github.com/sockd/sockd/fleet/control"
)

func TestMetricsAreCleanByPromlint(t *testing.T) {
	found, err := testutil.GatherAndLint(admin.Registry(sample()))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range found {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestMetricsSayWhatStatusSays(t *testing.T) {
	x := serve(t, sample(), admin.Settings{})
	text := x.get("/metrics").body
	for _, want := range []string{
		`sockd_connections{instance="api",transport="polling"} 8`,
		`sockd_connections{instance="api",transport="websocket"} 120`,
		`sockd_events_in_total{instance="api"} 4200`,
		`sockd_events_out_total{instance="api"} 91000`,
		`sockd_instance_state{instance="api",state="ready"} 1`,
		`sockd_instance_state{instance="api",state="failed"} 0`,
		`sockd_instance_state{instance="shop",state="degraded"} 1`,
		`sockd_dropped_total{instance="api",layer="rule",reason="no_rule"} 5`,
		`sockd_refused_total{instance="api",layer="transport",reason="per_address"} 3`,
		`sockd_sessions_ended_total{instance="api",reason="ping_timeout"} 2`,
		`sockd_poller_ready_seconds{instance="api"} 0.0015`,
		`sockd_poller_lag_seconds{instance="api",loop="0"} 0.003`,
		`sockd_shared_poller_lag_seconds{loop="1"} 0.002`,
		`sockd_worker_state{instance="api",state="ready"} 1`,
		`sockd_worker_restarts_total{instance="api"} 1`,
		`sockd_delivery_targeted_total{instance="api"} 100`,
		`sockd_delivery_dropped_total{instance="api",reason="slow"} 1`,
		`sockd_fanout_duration_seconds_bucket{instance="api",le="0.001"} 2`,
		`sockd_fanout_duration_seconds_bucket{instance="api",le="1"} 3`,
		`sockd_fanout_duration_seconds_bucket{instance="api",le="+Inf"} 4`,
		`sockd_fanout_duration_seconds_sum{instance="api"} 3`,
		`sockd_recovery_refused_total{instance="api",reason="pruned"} 1`,
		`sockd_reloads_total{outcome="rejected"} 2`,
		`sockd_reload_last_duration_seconds 0.012`,
		`sockd_config_revision 14`,
		`sockd_config_last_reload_successful 1`,
		`sockd_fleet_ready 1`,
		`sockd_fleet_info{fleet="dev"} 1`,
		`sockd_build_info{version="0.1.0"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}

func TestWhatNobodyCountsIsMissing(t *testing.T) {
	b := sample()
	b.metrics = control.Metrics{Status: b.metrics.Status}
	x := serve(t, b, admin.Settings{})
	got := x.get("/metrics")
	if got.status != 200 {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	for _, not := range []string{"sockd_fanout", "sockd_ack", "sockd_reloads_total", "sockd_delivery", "sockd_journal", "sockd_poller_lag"} {
		if strings.Contains(got.body, "\n"+not) {
			t.Errorf("%s is exported, though nobody counts it", not)
		}
	}
}

func TestLabelsOfAnyTextDoNotBreakAScrape(t *testing.T) {
	b := sample()
	b.change(func(s *control.Status) { s.Fleet.Name = "a\xffb\"\n" })
	x := serve(t, b, admin.Settings{})
	if got := x.get("/metrics"); got.status != 200 || !strings.Contains(got.body, "sockd_fleet_info{") {
		t.Errorf("got %d %.200s", got.status, got.body)
	}
}
