package ingest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Options of a [Handler]. The zero value of each field stands for its default.
type Options struct {
	Path    string   // where it is served, for hints; /
	Tokens  []string // any of them authorizes a POST, and a GET if there is no Reader; none = open
	MaxBody int64    // bytes of a body and of a line; 16 MiB
	Empty   bool     // success is always answered with 204 and nothing
	Rate    float64  // events per second, over all producers; 0 = no limit
	Burst   int      // events that may come at once; 0 = those of one second. One array may exceed it, and the next request waits for it.

	// Transform makes events, in the default shape, of a body or line of any shape; nil = they have it. An output may also be an array of
	// events, or null, which is none. It is called through Work and must not keep or change its arguments. Its error is answered with 400.
	Transform func(body []byte, h http.Header, q url.Values) ([]json.RawMessage, error)

	// Work runs a job off the pollers. Jobs of one key run in order, one at a time. An error means that it is not run: 503. nil = at once.
	Work func(key uint64, job func()) error

	// Reader tells who may watch: the rooms whose events, besides those to everyone, a request may see, or that it may see all. An error
	// is answered with 401. nil = who has a token sees everything. It is called on a poller.
	Reader func(r *http.Request) (rooms []string, all bool, err error)

	// Namespace tells whether a namespace, with its slash, may be used; nil = any. It is called on a poller.
	Namespace func(string) bool
}

const (
	defaultBody    = 16 << 20
	inlineBody     = 32 << 10         // longer ones are read in a job: 100 µs of scanning
	maxResults     = 100_000          // kept for one answer
	maxWait        = 60 * time.Second // of ?timeout=
	defaultWait    = 5 * time.Second
	keepAnswers    = 5 * time.Minute // for Idempotency-Key
	maxAnswers     = 10_000
	maxAnswerBytes = 16 << 20
	maxKey         = 255 // bytes of an Idempotency-Key
	maxWatchers    = 1000
	maxEarly       = 16 << 20 // bytes of what is kept, for a watcher whose stream has not begun
	keepAlive      = 15 * time.Second
	stuck          = 30 * time.Second // longer than any Publish takes, besides its Wait
)

// settings are options in the form in which they are used. They do not change.
type settings struct {
	Options
	sums [][sha256.Size]byte // of Tokens: all of one length, so that comparing them takes the same time for all
}

func (o Options) settings() *settings {
	s := &settings{Options: o}
	if s.Path == "" {
		s.Path = "/"
	}
	if s.MaxBody <= 0 {
		s.MaxBody = defaultBody
	}
	if s.Burst <= 0 {
		s.Burst = max(int(s.Rate), 1)
	}
	if s.Work == nil {
		s.Work = func(_ uint64, job func()) error { job(); return nil }
	}
	for _, t := range s.Tokens {
		s.sums = append(s.sums, sha256.Sum256([]byte(t)))
	}
	return s
}

// authorize checks the token, in constant time, and returns its hash. On GET it may be in the query, because EventSource has no headers.
func (s *settings) authorize(r *http.Request) (sum [sha256.Size]byte, f *fault) {
	token, given := bearer(r)
	if !given && r.Method == http.MethodGet {
		token = r.URL.Query().Get("access_token")
		given = token != ""
	}
	if given {
		sum = sha256.Sum256([]byte(token))
	}
	if len(s.sums) == 0 {
		return sum, nil
	}
	same := 0
	for i := range s.sums {
		same |= subtle.ConstantTimeCompare(sum[:], s.sums[i][:])
	}
	switch {
	case !given:
		return sum, newFault(unauthorized, "a bearer token is required")
	case same == 0:
		return sum, newFault(unauthorized, "unknown token")
	}
	return sum, nil
}

func bearer(r *http.Request) (token string, ok bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimSpace(token), true
}
