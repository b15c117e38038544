package admin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// maxToken bounds what a login form may send.
const maxToken = 4 << 10

// ServeHTTP lets through to the pages who may see them. The token is read once: an answer is judged by one revision of it.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	want := f.s.settings.Load()
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'") // the page has its own
	switch {
	case f.loopback && !loopbackName(hostOf(r.Host)):
		refuse(w, http.StatusForbidden, "the Host "+strconv.Quote(r.Host)+" is not a name of this machine: open localhost or 127.0.0.1")
	case foreign(r):
		refuse(w, http.StatusForbidden, "a request of another origin")
	case r.URL.Path == "/healthz" || r.URL.Path == "/readyz":
		f.s.pages.ServeHTTP(w, r)
	case want.Token == "" && !(f.loopback && fromLoopback(r)):
		refuse(w, http.StatusForbidden, "admin "+f.address+": "+ErrNoToken.Error()) // for the moment in which the settings change
	case want.Token == "" && strings.HasPrefix(r.URL.Path, "/debug/"):
		refuse(w, http.StatusForbidden, "profiles are shown with a token only: write admin.token_file")
	case want.Token != "" && r.URL.Path == "/login" && r.Method == http.MethodPost:
		f.login(w, r, want)
	case want.Token == "" || f.knows(r, want):
		f.pass(w, r, want)
	default:
		f.challenge(w, r, want)
	}
}

// pass is the way of a request that may be answered. What changes something has to be JSON unless it carries the token itself: a form of a
// page elsewhere cannot be that.
func (f *front) pass(w http.ResponseWriter, r *http.Request, want *Settings) {
	changes := r.Method != http.MethodGet && r.Method != http.MethodHead
	switch {
	case changes && !want.proves(bearer(r)) && !isJSON(r):
		refuse(w, http.StatusUnsupportedMediaType, "the content type must be application/json")
	default:
		f.s.pages.ServeHTTP(w, r)
	}
}

// foreign reports whether a page of another origin sends the request; one without an Origin is of no page, or navigates.
func foreign(r *http.Request) bool {
	origin := r.Header.Values("Origin")
	if len(origin) == 0 {
		return false
	}
	u, err := url.Parse(origin[0])
	return len(origin) > 1 || err != nil || u.Scheme != "http" && u.Scheme != "https" || !strings.EqualFold(u.Host, r.Host)
}

func fromLoopback(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	return err == nil && loopbackName(host)
}

func isJSON(r *http.Request) bool {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(kind), "application/json")
}

// bearer returns the token of the Authorization header.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// knows reports whether r carries the token, or the cookie of a login with it.
func (f *front) knows(r *http.Request, want *Settings) bool {
	if want.proves(bearer(r)) {
		return true
	}
	c, err := r.Cookie(f.cookie())
	return err == nil && same(c.Value, f.s.seal(want.Token))
}

// cookie is a name for each port: cookies of a host are sent to all its ports.
func (f *front) cookie() string { return "sockd_admin_" + strconv.Itoa(f.port) }

// seal is what a cookie holds for a token.
func (s *Server) seal(token string) string {
	m := hmac.New(sha256.New, s.key)
	m.Write([]byte(token))
	return hex.EncodeToString(m.Sum(nil))
}

// login takes the form of the page and answers with the cookie.
func (f *front) login(w http.ResponseWriter, r *http.Request, want *Settings) {
	deadline(w)
	r.Body = http.MaxBytesReader(w, r.Body, maxToken)
	if !want.proves(strings.TrimSpace(r.PostFormValue("token"))) {
		f.s.o.Log.Warn("admin login refused", "remote", r.RemoteAddr)
		writeLogin(w, "This is not the token.")
		return
	}
	http.SetCookie(w, &http.Cookie{Name: f.cookie(), Value: f.s.seal(want.Token), Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// challenge asks for the token: a browser gets the form.
func (f *front) challenge(w http.ResponseWriter, r *http.Request, want *Settings) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="sockd"`)
	if strings.Contains(r.Header.Get("Accept"), "text/html") && r.Method == http.MethodGet {
		writeLogin(w, "")
		return
	}
	refuse(w, http.StatusUnauthorized, "the token is missing or wrong: send Authorization: Bearer with the content of admin.token_file")
}
