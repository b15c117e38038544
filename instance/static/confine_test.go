package static_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/static"
)

// confined makes a site in a folder that has a secret beside it, and links.
func confined(t testing.TB) *static.Site {
	dir := tree(t, map[string]string{
		"secret.txt": "secret", "site2/a.txt": "secret",
		"site/index.html": "ok", "site/a.txt": "ok", "site/.env": "secret", "site/.git/config": "secret", "site/sub/a.txt": "ok",
		"site/sub/.hidden/a.txt": "secret", "site/..a": "secret", "site/a%2fb.txt": "secret", "assets/a.txt": "ok", "assets/deep/a.txt": "ok",
	})
	links := map[string]string{
		"site/out.txt": "../secret.txt", "site/absolute.txt": filepath.Join(dir, "secret.txt"), "site/parent": "..", "site/etc": "/etc",
		"site/inside.txt": "sub/a.txt", "site/folder": "sub", "site/loop": "loop", "site/dangling": "none",
	}
	for name, to := range links {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return open(t, static.Options{Dir: filepath.Join(dir, "site"), Mounts: []static.Mount{{At: "/assets", Dir: filepath.Join(dir, "assets")}}})
}

func TestNothingLeadsOut(t *testing.T) {
	t.Parallel()
	site := confined(t)
	tests := []string{
		"/../secret.txt", "/sub/../../secret.txt", "/..", "/../", "/./a.txt", "/sub/../a.txt", "/.", "/%2e%2e/secret.txt", "/%2E%2E/secret.txt", "/.%2e/secret.txt",
		"/%2e%2e%2fsecret.txt", "/..%2fsecret.txt", "/..%5csecret.txt", "/..\\secret.txt", "/sub\\a.txt", "/sub%5ca.txt", "/sub%2fa.txt", "/sub%2Fa.txt", "/%2fa.txt",
		"/%252e%252e/secret.txt", "/%c0%ae%c0%ae/secret.txt", "/%e0%80%ae%e0%80%ae/secret.txt", "/..;/secret.txt",
		"/a.txt%00", "/a.txt%00.html", "/%00", "/a.txt%0a", "/a.txt%7f",
		"//a.txt", "/sub//a.txt", "//", "//etc/passwd", "/sub/a.txt//", "/...", "/....//secret.txt", "/..a", "/.env", "/%2eenv", "/.git/config", "/.git/", "/.git",
		"/sub/.hidden/a.txt", "/out.txt", "/absolute.txt", "/parent", "/parent/", "/parent/secret.txt",
		"/etc", "/etc/passwd", "/etc/", "/loop", "/dangling", "/site2/a.txt",
		"/../site2/a.txt", "/assets/../a.txt", "/assets/../../secret.txt", "/assets/..", "/assets/%2e%2e/a.txt", "/assets//a.txt", "/assets/deep%2fa.txt",
		"/a%252fb.txt/../a.txt", "/C:/secret.txt", "/C:\\secret.txt", "/a.txt::$DATA", "/a.txt.", "/a.txt ",
		"a.txt", "", "*", "/" + strings.Repeat("a", 300), "/" + strings.Repeat("a/", 5000),
	}
	for _, path := range tests {
		if s := ask(t, site, "GET", path); s.status != 404 || strings.Contains(s.body.String(), "secret") {
			t.Errorf("%.60q: got %d %q, want 404", path, s.status, s.body.String())
		}
	}
	for _, path := range []string{
		"/", "/a.txt", "/inside.txt", "/folder/a.txt", "/sub/a.txt", "/%61.txt", "/sub/%61%2etxt", "/a.txt?../../x", "/assets/a.txt",
		"/assets/deep/a.txt",
	} {
		if s := ask(t, site, "GET", path); s.status != 200 || s.body.String() != "ok" {
			t.Errorf("%q: got %d %q, want 200", path, s.status, s.body.String())
		}
	}
}

func FuzzPath(f *testing.F) {
	site := confined(f)
	for _, seed := range []string{
		"/", "/a.txt", "/../secret.txt", "/%2e%2e/secret.txt", "/sub/../..//secret.txt", "/parent/secret.txt",
		"/assets/..%5c", "/folder", "/.env", "x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		s := newSink()
		r := request("GET", path)
		site.Serve(s, r)
		<-s.over
		if strings.Contains(s.body.String(), "secret") {
			t.Fatalf("%q: %d %q", path, s.status, s.body.String())
		}
		switch s.status {
		case 200, 404:
		case 301:
			to, err := url.Parse(s.get("Location"))
			if err != nil || to.Host != "" || to.Scheme != "" || to.Path != r.URL.Path+"/" {
				t.Fatalf("%q leads to %q", path, s.get("Location"))
			}
		default:
			t.Fatalf("%q: %d", path, s.status)
		}
	})
}
