package fleet_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet/control"
)

// yielding runs a fleet beside which somebody of the same process holds 127.0.0.1:8701 and, unless he is firm, moves when asked.
func (w *world) yielding(firm bool, file *config.Config) (asked *int) {
	asked = new(int)
	w.hold("127.0.0.1:8701", true)
	o := w.options()
	o.Yield = func(from string, port int, rehearsal bool) bool {
		if _, err := netip.ParseAddr(from); err != nil || port != 8701 || firm {
			return false
		}
		if !rehearsal {
			*asked++
			w.hold("127.0.0.1:8701", false)
		}
		return true
	}
	w.runWith(file, o)
	return asked
}

func TestADashboardMakesWay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		file   *config.Config
		edit   *config.Config
		serves string
	}{
		{"to a move", file(on("a", 3001)), file(on("a", 8701)), "127.0.0.1:8701"},
		{"to all addresses", file(on("a", 3001)), file(on("a", 8701, host("0.0.0.0"))), "0.0.0.0:8701"},
		{"to a new instance", file(), file(on("a", 8701)), "127.0.0.1:8701"},
		{"to one that is enabled", file(on("a", 8701, off)), file(on("a", 8701)), "127.0.0.1:8701"},
		{"to a range without another port", file(on("a", 3001), on("b", 8700)), file(on("a", 0, ports(8700, 8701)), on("b", 8700)), "127.0.0.1:8701"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				asked := w.yielding(false, c.file)
				w.want(w.reload(c.edit, control.ReloadOptions{DryRun: true}), control.Planned)
				if *asked != 0 {
					t.Error("a dry run has moved it")
				}
				r := w.reload(c.edit, noOptions)
				w.want(r, control.Applied)
				if *asked != 1 || w.servedBy(c.serves) != "a" || len(r.Unready) != 0 {
					t.Errorf("asked %d times, %s is served by %q, %+v", *asked, c.serves, w.servedBy(c.serves), r.Unready)
				}
			})
		})
	}
}

func TestADashboardIsNotAskedInVain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		asked := w.yielding(false, file(on("a", 3001)))
		w.want(w.reload(file(on("a", 0, ports(8701, 8710))), noOptions), control.Applied)
		if *asked != 0 || w.servedBy("127.0.0.1:8702") != "a" {
			t.Errorf("a range with a free port: asked %d times, bound %v", *asked, w.addresses())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.yielding(true, file(on("a", 3001)))
		w.want(w.reload(file(on("a", 8701)), noOptions), control.Rejected)
		if w.servedBy("127.0.0.1:3001") != "a" {
			t.Error("a refused move has moved it")
		}
	})
}

// An instance that was stopped meets the dashboard when it is started again.
func TestADashboardMakesWayToAStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		asked := w.yielding(false, file(on("a", 8701), on("b", 3002)))
		if *asked != 1 || w.servedBy("127.0.0.1:8701") != "a" {
			t.Fatalf("at the start: asked %d times", *asked)
		}
		if err := w.fleet.Stop(t.Context(), []string{"a"}); err != nil {
			t.Fatal(err)
		}
		<-time.After(10 * time.Second)
		w.hold("127.0.0.1:8701", true)
		if err := w.fleet.Start(t.Context(), []string{"a"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if *asked != 2 || w.servedBy("127.0.0.1:8701") != "a" {
			t.Errorf("asked %d times, bound %v", *asked, w.addresses())
		}
		w.wantState("a", "ready")
	})
}
