package clients_test

import (
	"fmt"
	"testing"
)

// Who watches over HTTP gets what it asked for, and after a break what it missed.
func TestSSEFromOutside(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, feeds)
	url := d.url("feed") + "/api/events"
	all, some, room := listen(t, url), listen(t, url+"?event=build.*"), listen(t, url+"?room=red")
	post := func(event string) { fetch(t, "POST", url, event) }
	post(`{"event":"build.ok","args":[1,"ü\n"]}`)
	post(`{"event":"other"}`)
	post(`{"event":"build.red","room":"red"}`)
	post(`{"event":"build.blue","room":"blue"}`)
	all.expect(`build.ok[1,"ü\n"]`, "other[]", "build.red[]", "build.blue[]")
	some.expect(`build.ok[1,"ü\n"]`, "build.red[]", "build.blue[]")
	room.expect("build.red[]")

	w := watch(t, d.url("feed"), nil) // what a client says is watched, too
	w.emit("say", map[string]any{"n": 1})
	w.expect(`["say",{"n":1}]`)
	id := all.expect(`say[{"n":1}]`)

	all.c.Close()
	for i := range 3 {
		post(fmt.Sprintf(`{"event":"missed","data":%d}`, i))
	}
	back := listen(t, url, "Last-Event-ID: "+id)
	post(`{"event":"live"}`)
	got := []string{}
	for len(got) == 0 || got[len(got)-1] != "live[]" {
		_, e := back.next()
		got = append(got, e)
	}
	want := []string{"missed[0]", "missed[1]", "missed[2]", "live[]"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("after the break %v, want %v", got, want)
	}
}

// Who watches needs the token of a client, which a browser's EventSource can only put into the address; who posts needs the other one.
func TestSSEToken(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, feeds)
	url := d.url("locked") + "/in"
	inQuery, inHeader := listen(t, url+"?access_token=for+those+who+watch"), listen(t, url, "Authorization: Bearer for those who watch")
	if resp, body := fetch(t, "POST", url, `{"event":"secret"}`, "Authorization: Bearer for those who post"); resp.StatusCode != 202 {
		t.Errorf("post: %d %s", resp.StatusCode, body)
	}
	inQuery.expect("secret[]")
	inHeader.expect("secret[]")
	for _, c := range []struct{ name, method, query, token string }{
		{"watch with another token", "GET", "?access_token=other", ""},
		{"watch without a token", "GET", "", ""},
		{"post with a token in the address", "POST", "?access_token=for+those+who+post", ""},
		{"post with the token to watch", "POST", "", "for those who watch"},
	} {
		headers, body := []string{"Accept: text/event-stream"}, ""
		if c.token != "" {
			headers = append(headers, "Authorization: Bearer "+c.token)
		}
		if c.method == "POST" {
			body = `{"event":"e"}`
		}
		if resp, _ := fetch(t, c.method, url+c.query, body, headers...); resp.StatusCode != 401 {
			t.Errorf("%s: %d, want 401", c.name, resp.StatusCode)
		}
	}
}
