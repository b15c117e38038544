package static_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sockd/sockd/instance/static"
)

func TestCacheLetsTheOldestGo(t *testing.T) {
	t.Parallel()
	c := static.NewCache(4 << 10)
	made := map[string]int{}
	get := func(name string) {
		_, _ = c.Get(name, func() ([]byte, error) {
			made[name]++
			return make([]byte, 1<<10), nil
		})
	}
	for _, name := range []string{"a", "b", "c", "a", "d", "a", "c", "b"} { // three fit; d puts b out, and b puts d out
		get(name)
	}
	get("d")
	for name, want := range map[string]int{"a": 1, "b": 2, "c": 1, "d": 2} {
		if made[name] != want {
			t.Errorf("%s was made %d times, want %d", name, made[name], want)
		}
	}
	if b, err := c.Get("giant", func() ([]byte, error) { return make([]byte, 1<<20), nil }); len(b) != 1<<20 || err != nil {
		t.Errorf("what does not fit: %d bytes, %v", len(b), err)
	}
}

func TestCacheMakesOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, gate, made := static.NewCache(1<<20), make(chan struct{}), 0
		fault := errors.New("disk")
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if _, err := c.Get("a", func() ([]byte, error) { made++; <-gate; return nil, fault }); !errors.Is(err, fault) {
					t.Errorf("got %v", err)
				}
			})
		}
		synctest.Wait()
		close(gate)
		wg.Wait()
		if made != 1 {
			t.Errorf("made %d times", made)
		}
		if b, err := c.Get("a", func() ([]byte, error) { return []byte("x"), nil }); string(b) != "x" || err != nil {
			t.Errorf("an error is kept: %q, %v", b, err)
		}
	})
}

func TestCacheOutlivesAPanic(t *testing.T) {
	t.Parallel()
	c := static.NewCache(1 << 20)
	func() {
		defer func() { _ = recover() }()
		_, _ = c.Get("a", func() ([]byte, error) { panic("made") })
	}()
	if b, err := c.Get("a", func() ([]byte, error) { return []byte("x"), nil }); string(b) != "x" || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
}
