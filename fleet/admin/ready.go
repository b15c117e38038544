package admin

import (
	"net/http"

	"github.com/sockd/sockd/fleet/control"
)

// readiness is the body of /readyz.
type readiness struct {
	Ready       bool                `json:"ready"`
	State       control.FleetState  `json:"state"`
	ConfigState control.ConfigState `json:"config_state"`
	ConfigError *control.Fault      `json:"config_error"`
	Reasons     []reason            `json:"reasons"` // why it is not ready, or what is not as it should be; never null
}

// reason is one instance that is not simply ready. One that is disabled, or that an operator has stopped, is as it was asked to be.
type reason struct {
	Instance string `json:"instance,omitempty"`
	State    string `json:"state"`
	Reason   string `json:"reason,omitempty"`
}

// readyOf judges a status. A file that was refused does not count: what runs is the last good one.
func readyOf(s control.Status) readiness {
	r := readiness{Ready: true, State: s.Fleet.State, ConfigState: s.Fleet.ConfigState, ConfigError: s.Fleet.ConfigError, Reasons: []reason{}}
	switch {
	case s.Fleet.State == control.Stopping:
		r.Ready = false
		r.Reasons = append(r.Reasons, reason{State: string(control.Stopping)})
	case s.Fleet.Revision == 0:
		r.Ready = false
		r.Reasons = append(r.Reasons, reason{State: "starting", Reason: "no configuration is applied yet"})
	}
	for _, in := range s.Instances {
		switch in.State {
		case "ready", "disabled", "stopped":
			continue
		case "degraded":
		default:
			r.Ready = false
		}
		r.Reasons = append(r.Reasons, reason{Instance: in.Name, State: in.State, Reason: in.Note})
	}
	return r
}

func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	r := readyOf(s.o.Backend.Metrics().Status)
	status := http.StatusServiceUnavailable
	if r.Ready {
		status = http.StatusOK
	}
	writeJSON(w, status, r)
}
