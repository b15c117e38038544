package admin

import (
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sockd/sockd/fleet/control"
)

// registry is a registry of its own with all metrics of a fleet, and of its process.
func registry(m control.Meter) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		&collector{meter: m, fleet: fleetFamilies(), instance: instanceFamilies(), latency: latencyFamilies()},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return r
}

// collector makes every scrape of one snapshot.
type collector struct {
	meter    control.Meter
	fleet    []family[control.Metrics]
	instance []family[figures]
	latency  []latencyFamily
}

// figures are all that is known of one instance at one moment.
type figures struct {
	control.InstanceStatus
	control.InstanceMetrics
}

// family is one metric: how it is called and where its values come from.
type family[T any] struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(T, emit)
}

// emit takes one value, with the values of the labels besides that of the instance.
type emit func(v float64, labels ...string)

type latencyFamily struct {
	desc *prometheus.Desc
	read func(figures) *control.Latency
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range c.fleet {
		ch <- f.desc
	}
	for _, f := range c.instance {
		ch <- f.desc
	}
	for _, f := range c.latency {
		ch <- f.desc
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	m := c.meter.Metrics()
	for _, f := range c.fleet {
		f.read(m, func(v float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(f.desc, f.kind, v, clean(labels)...)
		})
	}
	for i, in := range m.Status.Instances {
		x := figures{InstanceStatus: in}
		if i < len(m.Instances) {
			x.InstanceMetrics = m.Instances[i]
		}
		c.collectOne(ch, in.Name, x)
	}
}

func (c *collector) collectOne(ch chan<- prometheus.Metric, name string, x figures) {
	for _, f := range c.instance {
		f.read(x, func(v float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(f.desc, f.kind, v, clean(append([]string{name}, labels...))...)
		})
	}
	for _, f := range c.latency {
		if l := f.read(x); l != nil && len(l.Counts) == len(l.Bounds)+1 {
			ch <- histogram(f.desc, l, name)
		}
	}
}

// clean makes any text a label's value, which has to be UTF-8.
func clean(labels []string) []string {
	for i, l := range labels {
		labels[i] = strings.ToValidUTF8(l, "\uFFFD")
	}
	return labels
}

// histogram adds the buckets up, as Prometheus wants them.
func histogram(d *prometheus.Desc, l *control.Latency, labels ...string) prometheus.Metric {
	buckets, total := make(map[float64]uint64, len(l.Bounds)), uint64(0)
	for i, bound := range l.Bounds {
		total += l.Counts[i]
		buckets[bound.Seconds()] = total
	}
	total += l.Counts[len(l.Bounds)]
	return prometheus.MustNewConstHistogram(d, total, l.Sum.Seconds(), buckets, clean(labels)...)
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("sockd_"+name, help, labels, nil)
}

// lags emits the lag of each loop.
func lags(list []time.Duration, e emit) {
	for i, lag := range list {
		e(lag.Seconds(), strconv.Itoa(i))
	}
}

// byReason emits a map of counters.
func byReason(m map[string]uint64, e emit) {
	for reason, n := range m {
		e(float64(n), reason)
	}
}

// byLayer emits a map of counters whose keys are "layer.reason".
func byLayer(m map[string]uint64, e emit) {
	for key, n := range m {
		layer, reason, _ := strings.Cut(key, ".")
		e(float64(n), layer, reason)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
