package broadcast_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/broadcast"
)

func TestDeadLettersArePublishedAnew(t *testing.T) {
	o := broadcast.Options{Retry: broadcast.Retry{MaxAge: 8 * time.Second, Dead: true}}
	delivering(t, o, func(t *testing.T, st *stack) {
		a, b := st.member(known("a")), st.member(known("b"))
		c := st.member(nil)
		st.acked("e")
		pass(8100 * time.Millisecond)
		if n := len(st.b.Dead()); n != 3 {
			t.Fatalf("%d dead letters, want 3", n)
		}
		a.take()
		c.take()
		b.drop()

		var sent, failed, away int
		st.b.Revive(func(s, f, w int) { sent, failed, away = s, f, w })
		synctest.Wait()
		if sent != 2 || failed != 0 || away != 1 {
			t.Errorf("got %d sent, %d failed, %d away, want 2, 0 and 1", sent, failed, away)
		}
		if pending, dead := len(st.b.Unanswered()), letters(st.b.Dead()); pending != 2 || dead != "e b 2 max_age" {
			t.Errorf("got %d pending and dead %q", pending, dead)
		}
		a.want(true, `["e"]`)
		c.want(true, `["e"]`)
		st.wantLetters("", "e b 2 max_age")
		if seq := st.b.Stats().Seq; seq != 3 {
			t.Errorf("last number %d, want 3: each is an event of its own", seq)
		}
		if n := st.b.Forget(); n != 1 {
			t.Errorf("forgot %d, want 1", n)
		}
		st.wantLetters("", "")
		st.b.Revive(func(s, f, w int) { sent, failed, away = s, f, w })
		if sent+failed+away != 0 {
			t.Errorf("of nothing: got %d sent, %d failed, %d away", sent, failed, away)
		}
	})
}
