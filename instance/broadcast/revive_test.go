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
		st.acked("e")
		pass(8100 * time.Millisecond)
		st.wantLetters("", "e a 2 max_age, e b 2 max_age")
		a.take()
		b.take()

		sent, failed := -1, -1
		st.b.Revive(map[string][]string{"a": {st.ids[0]}}, func(s, f int) { sent, failed = s, f })
		synctest.Wait()
		if sent != 1 || failed != 0 {
			t.Errorf("got %d sent, %d failed, want 1 and 0", sent, failed)
		}
		st.wantLetters("e a 1", "e b 2 max_age")
		a.want(true, `["e"]`)
		b.want(false)
		st.wantLetters("", "e b 2 max_age")
		if seq := st.b.Stats().Seq; seq != 2 {
			t.Errorf("last number %d, want 2: it is an event of its own", seq)
		}
		if n := st.b.Forget(); n != 1 {
			t.Errorf("forgot %d, want 1", n)
		}
		st.wantLetters("", "")
		st.b.Revive(nil, func(s, f int) { sent, failed = s, f })
		if sent != 0 || failed != 0 {
			t.Errorf("of nothing: got %d sent, %d failed", sent, failed)
		}
	})
}

func TestDeadLettersThatAreRefusedStay(t *testing.T) {
	o := broadcast.Options{Retry: broadcast.Retry{MaxAge: 8 * time.Second, Dead: true}}
	delivering(t, o, func(t *testing.T, st *stack) {
		a := st.member(known("a"))
		st.acked("e")
		pass(8100 * time.Millisecond)
		a.take()
		st.end()
		failed := 0
		st.b.Revive(map[string][]string{"a": {st.ids[0]}}, func(_, f int) { failed = f })
		if failed != 1 {
			t.Errorf("%d failed, want 1", failed)
		}
		st.wantLetters("", "e a 2 max_age")
	})
}
