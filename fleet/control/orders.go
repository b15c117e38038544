package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// ErrUnknown means that no instance has a name that was asked for.
var ErrUnknown = errors.New("no such instance")

// Operator is what an operator asks of instances, by their exact names; no name means all of them. Each call is done whole or, with an
// error that may wrap [ErrUnknown], not at all. None of them waits for an instance, that is what Wait is for.
type Operator interface {
	// Start clears what Stop has done, and gives an instance that is in backoff or has failed a new budget. What runs is left alone.
	Start(ctx context.Context, names []string) error
	// Stop drains instances and gives their ports back until Start or Restart. Reloads do not change that.
	Stop(ctx context.Context, names []string) error
	// Restart replaces instances on their listeners and starts those that do not run; without a name, those that Stop has stopped stay so.
	Restart(ctx context.Context, names []string) error
	// Wait returns when each instance is where goal wants it, or can never be; the status tells which. It is ctx that bounds it.
	Wait(ctx context.Context, names []string, goal Goal) (Status, error)
	// Shutdown has the whole daemon drain and end. It returns at once.
	Shutdown()
}

// Goal is what [Operator.Wait] waits for.
type Goal string

// The goals. An instance that is disabled, stopped or has failed for good is not waited for, whatever the goal.
const (
	GoalReady   Goal = "ready"   // ready or degraded
	GoalSettled Goal = "settled" // ready, or has failed once since it was started
	GoalStopped Goal = "stopped" // drained
)

// Start, see [Operator].
func (c *Client) Start(ctx context.Context, names []string) error {
	return c.order(ctx, "/v1/start", names)
}

// Stop, see [Operator].
func (c *Client) Stop(ctx context.Context, names []string) error {
	return c.order(ctx, "/v1/stop", names)
}

// Restart, see [Operator].
func (c *Client) Restart(ctx context.Context, names []string) error {
	return c.order(ctx, "/v1/restart", names)
}

// Shutdown, see [Operator]. When it returns nil the daemon has begun to end; its lock tells when it has.
func (c *Client) Shutdown(ctx context.Context) error { return c.order(ctx, "/v1/shutdown", nil) }

// Wait, see [Operator]. A daemon that ends meanwhile is an error.
func (c *Client) Wait(ctx context.Context, names []string, goal Goal) (Status, error) {
	in, err := json.Marshal(orderBody{Names: names, Goal: goal})
	if err != nil {
		return Status{}, err
	}
	var body statusBody
	if err := c.call(ctx, http.MethodPost, "/v1/wait", in, &body); err != nil {
		return Status{}, err
	}
	return body.unwrap(), nil
}

func (c *Client) order(ctx context.Context, path string, names []string) error {
	in, err := json.Marshal(orderBody{Names: names})
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodPost, path, in, &struct{}{})
}

// remoteError is the daemon's sentence, with the sentinel that it stands for.
type remoteError struct {
	message string
	is      error
}

func (e *remoteError) Error() string { return e.message }

func (e *remoteError) Unwrap() error { return e.is }

func routeOrders(mux *http.ServeMux, b Backend) {
	done := struct{}{}
	for path, do := range map[string]func(context.Context, []string) error{"start": b.Start, "stop": b.Stop, "restart": b.Restart} {
		mux.Handle("POST /v1/"+path, endpoint(func(w http.ResponseWriter, r *http.Request) error {
			var o orderBody
			if err := readJSON(w, r, &o); err != nil {
				return err
			}
			if err := do(r.Context(), o.Names); err != nil {
				return refusal(err)
			}
			return writeJSON(w, http.StatusOK, done)
		}))
	}
	mux.Handle("POST /v1/wait", endpoint(func(w http.ResponseWriter, r *http.Request) error {
		var o orderBody
		if err := readJSON(w, r, &o); err != nil {
			return err
		}
		st, err := b.Wait(r.Context(), o.Names, o.Goal)
		if err != nil {
			return refusal(err)
		}
		return writeJSON(w, http.StatusOK, wrap(st))
	}))
	mux.Handle("POST /v1/shutdown", endpoint(func(w http.ResponseWriter, _ *http.Request) error {
		b.Shutdown()
		return writeJSON(w, http.StatusOK, done)
	}))
}

// refusal gives an error of a [Backend] its status.
func refusal(err error) error {
	if errors.Is(err, ErrUnknown) {
		return &httpError{status: http.StatusNotFound, message: err.Error(), code: codeUnknown}
	}
	return &httpError{status: http.StatusConflict, message: err.Error()}
}
