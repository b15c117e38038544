package control

import "time"

// protocolVersion is the number in [versionHeader]. It grows when an old daemon would misunderstand a new client.
const protocolVersion = 1

const versionHeader = "Sockd-Control"

// statusBody is the answer to GET /v1/status: the public JSON form and, beside it, what only the table shows.
type statusBody struct {
	Status Status       `json:"status"`
	Detail statusDetail `json:"detail"`
}

type statusDetail struct {
	Version   string    `json:"version"`
	AppliedAt time.Time `json:"applied_at"`
	JudgedAt  time.Time `json:"judged_at"`
	Pending   []string  `json:"pending"`
	Admin     string    `json:"admin"`
	AdminNote string    `json:"admin_note"`
	Rates     []rate    `json:"rates"` // one per instance, in the order of Status.Instances
}

type rate struct {
	In   float64 `json:"in"`
	Out  float64 `json:"out"`
	Path string  `json:"path"`
}

func wrap(s Status) statusBody {
	d := statusDetail{Version: s.Fleet.Version, AppliedAt: s.Fleet.AppliedAt, JudgedAt: s.Fleet.JudgedAt, Pending: s.Fleet.Pending}
	d.Admin, d.AdminNote = s.Fleet.Admin, s.Fleet.AdminNote
	for _, in := range s.Instances {
		d.Rates = append(d.Rates, rate{In: in.RateIn, Out: in.RateOut, Path: in.Path})
	}
	return statusBody{Status: s, Detail: d}
}

func (b statusBody) unwrap() Status {
	s, d := b.Status, b.Detail
	s.Fleet.Version, s.Fleet.AppliedAt, s.Fleet.JudgedAt, s.Fleet.Pending = d.Version, d.AppliedAt, d.JudgedAt, d.Pending
	s.Fleet.Admin, s.Fleet.AdminNote = d.Admin, d.AdminNote
	for i := range min(len(s.Instances), len(d.Rates)) {
		s.Instances[i].RateIn, s.Instances[i].RateOut, s.Instances[i].Path = d.Rates[i].In, d.Rates[i].Out, d.Rates[i].Path
	}
	return s
}

// codeUnknown is the code of [ErrUnknown] in an errorBody.
const codeUnknown = "unknown_instance"

// orderBody asks for something to be done with instances, all of them if none is named.
type orderBody struct {
	Names []string `json:"names,omitempty"`
	Goal  Goal     `json:"goal,omitempty"` // of a wait
}

// errorBody is every answer that is not a success.
type errorBody struct {
	Error struct {
		Message string `json:"message"`
		Code    string `json:"code,omitempty"` // for what a client tells apart
	} `json:"error"`
}
