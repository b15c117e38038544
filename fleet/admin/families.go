package admin

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sockd/sockd/fleet/control"
)

const (
	gauge = prometheus.GaugeValue
	total = prometheus.CounterValue
)

// Every state that a metric may name: a state that is left goes to 0 instead of vanishing.
var (
	instanceStates = [...]string{"disabled", "starting", "bound", "ready", "degraded", "draining", "stopped", "backoff", "failed"}
	workerStates   = [...]string{"starting", "ready", "idle", "backoff", "failed", "stopped"}
	configStates   = [...]control.ConfigState{control.ConfigApplied, control.ConfigRejected, control.ConfigHeld, control.ConfigPending}
)

// fleetFamilies are the metrics of the process and its file.
func fleetFamilies() []family[control.Metrics] {
	type m = control.Metrics
	return []family[m]{
		{describe("build_info", "The running version of sockd.", "version"), gauge, func(x m, e emit) { e(1, x.Status.Fleet.Version) }},
		{describe("fleet_info", "The name of the fleet.", "fleet"), gauge, func(x m, e emit) { e(1, x.Status.Fleet.Name) }},
		{describe("fleet_ready", "Whether every enabled instance is ready or degraded, as /readyz says."), gauge,
			func(x m, e emit) { e(truth(readyOf(x.Status).Ready)) }},
		{describe("fleet_start_time_seconds", "When the daemon was started, in seconds since 1970."), gauge,
			func(x m, e emit) { stamp(x.Status.Fleet.StartedAt, e) }},
		{describe("config_revision", "The number of the configuration that runs."), gauge,
			func(x m, e emit) { e(float64(x.Status.Fleet.Revision)) }},
		{describe("config_applied_timestamp_seconds", "When the configuration that runs was applied, in seconds since 1970."), gauge,
			func(x m, e emit) { stamp(x.Status.Fleet.AppliedAt, e) }},
		{describe("config_last_reload_successful", "Whether the file on disk is what runs: 0 while it is rejected or held."), gauge,
			func(x m, e emit) { e(truth(x.Status.Fleet.ConfigError == nil)) }},
		{describe("config_state", "What became of the file on disk: 1 for its state, 0 for the others.", "state"), gauge, configState},
		{describe("reloads_total", "Reloads by what became of them.", "outcome"), total, func(x m, e emit) {
			for outcome, n := range x.Reloads {
				e(float64(n), string(outcome))
			}
		}},
		{describe("reload_last_duration_seconds", "How long the last reload took."), gauge, func(x m, e emit) {
			if x.LastTook > 0 {
				e(x.LastTook.Seconds())
			}
		}},
		{describe("reload_duration_seconds_total", "How long all reloads together took."), total, func(x m, e emit) {
			if x.SumTook > 0 {
				e(x.SumTook.Seconds())
			}
		}},
		{describe("shared_poller_lag_seconds", "How long a poller that instances share takes to answer.", "loop"), gauge,
			func(x m, e emit) { lags(x.Loops, e) }},
	}
}

func stamp(t time.Time, e emit) {
	if !t.IsZero() {
		e(float64(t.UnixMilli()) / 1000)
	}
}

func configState(x control.Metrics, e emit) {
	for _, s := range configStates {
		e(truth(s == x.Status.Fleet.ConfigState), string(s))
	}
}

// instanceFamilies are the metrics of each instance.
func instanceFamilies() []family[figures] {
	all := append(stateFamilies(), trafficFamilies()...)
	all = append(all, deliveryFamilies()...)
	all = append(all, recoveryFamilies()...)
	all = append(all, ingestFamilies()...)
	return append(all, journalFamilies()...)
}

func of(name, help string, kind prometheus.ValueType, read func(figures, emit), labels ...string) family[figures] {
	return family[figures]{describe(name, help, append([]string{"instance"}, labels...)...), kind, read}
}

func stateFamilies() []family[figures] {
	return []family[figures]{
		of("instance_state", "The state of the instance: 1 for its state, 0 for the others.", gauge, func(x figures, e emit) {
			for _, s := range instanceStates {
				e(truth(s == x.State), s)
			}
		}, "state"),
		of("instance_uptime_seconds", "For how long the instance has been ready, 0 when it is not.", gauge, func(x figures, e emit) { e(x.UptimeS) }),
		of("restarts_total", "Starts after a failure.", total, func(x figures, e emit) { e(float64(x.Restarts)) }),
		of("poller_ready_seconds", "From the start of the instance to the proof that its pollers dispatch.", gauge, func(x figures, e emit) {
			if x.ReadyMS > 0 {
				e(x.ReadyMS / 1000)
			}
		}),
		of("poller_lag_seconds", "How long a poller of the instance's own takes to answer.", gauge,
			func(x figures, e emit) { lags(x.InstanceMetrics.Loops, e) }, "loop"),
		of("worker_state", "The state of the worker: 1 for its state, 0 for the others.", gauge, func(x figures, e emit) {
			for _, s := range workerStates {
				if x.Worker != nil {
					e(truth(s == x.Worker.State), s)
				}
			}
		}, "state"),
		of("worker_restarts_total", "Starts of the worker after a failure.", total, func(x figures, e emit) {
			if x.Worker != nil {
				e(float64(x.Worker.Restarts))
			}
		}),
	}
}

func trafficFamilies() []family[figures] {
	return []family[figures]{
		of("connections", "Clients that are connected.", gauge, func(x figures, e emit) {
			polling := min(x.Polling, x.Clients)
			e(float64(polling), "polling")
			e(float64(x.Clients-polling), "websocket")
		}, "transport"),
		of("rooms", "Rooms with at least one client.", gauge, func(x figures, e emit) { e(float64(x.Rooms)) }),
		of("events_in_total", "Events received, from clients and over HTTP.", total, func(x figures, e emit) { e(float64(x.EventsIn)) }),
		of("events_out_total", "Events handed to the connections of clients, one per receiver.", total,
			func(x figures, e emit) { e(float64(x.EventsOut)) }),
		of("retry_queue_events", "Pairs of an event and a client that wait for an acknowledgement.", gauge,
			func(x figures, e emit) { e(float64(x.RetryQueue)) }),
		of("refused_total", "Connections, requests, frames, events and recoveries that were not accepted.", total,
			func(x figures, e emit) { byLayer(x.Refused, e) }, "layer", "reason"),
		of("dropped_total", "Accepted events that did not reach one of their receivers, or that a rule dropped.", total,
			func(x figures, e emit) { byLayer(x.Dropped, e) }, "layer", "reason"),
		of("sessions_ended_total", "Sessions that have ended.", total, func(x figures, e emit) { byReason(x.Ended, e) }, "reason"),
	}
}

// latencyFamilies are the histograms.
func latencyFamilies() []latencyFamily {
	return []latencyFamily{
		{describe("fanout_duration_seconds", "From publishing an event to handing it to the last of its receivers.", "instance"),
			func(x figures) *control.Latency { return x.FanOut }},
		{describe("ack_duration_seconds", "From sending an event to its acknowledgement.", "instance"),
			func(x figures) *control.Latency { return x.Ack }},
	}
}
