package control

import (
	"context"
	"encoding/json"
	"net/http"
)

// Emit, see [Traffic]. When ctx ends first the event may still have happened.
func (c *Client) Emit(ctx context.Context, e EmitRequest) (Emitted, error) {
	return asked[Emitted](ctx, c, "/v1/emit", e)
}

// Rooms, see [Traffic].
func (c *Client) Rooms(ctx context.Context, r InstanceRequest) (RoomList, error) {
	return asked[RoomList](ctx, c, "/v1/rooms", r)
}

// Clients, see [Traffic].
func (c *Client) Clients(ctx context.Context, r InstanceRequest) (ClientList, error) {
	return asked[ClientList](ctx, c, "/v1/clients", r)
}

// Kick, see [Traffic].
func (c *Client) Kick(ctx context.Context, k KickRequest) error {
	_, err := asked[struct{}](ctx, c, "/v1/kick", k)
	return err
}

// History, see [Traffic].
func (c *Client) History(ctx context.Context, h HistoryRequest) (HistoryPage, error) {
	return asked[HistoryPage](ctx, c, "/v1/history", h)
}

// Letters, see [Traffic].
func (c *Client) Letters(ctx context.Context, r RetryRequest) (LetterList, error) {
	return asked[LetterList](ctx, c, "/v1/retry/list", r)
}

// Flush, see [Traffic].
func (c *Client) Flush(ctx context.Context, r RetryRequest) (Retried, error) {
	return asked[Retried](ctx, c, "/v1/retry/flush", r)
}

// Drop, see [Traffic].
func (c *Client) Drop(ctx context.Context, r RetryRequest) (Retried, error) {
	return asked[Retried](ctx, c, "/v1/retry/drop", r)
}

func asked[Out any](ctx context.Context, c *Client, path string, in any) (out Out, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	err = c.call(ctx, http.MethodPost, path, body, &out)
	return out, err
}
