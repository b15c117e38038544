package config

import (
	"slices"
	"strconv"
)

// linked is a file whose content belongs to an instance.
type linked struct {
	key   string // below the instance
	path  string
	class Class // of a change of the content
}

// files returns the files that keys of x name, but for secrets, whose content is a value of x.
func (x *Instance) files() []linked {
	var all []linked
	put := func(key, path string, class Class) {
		if path != "" {
			all = append(all, linked{key, path, class})
		}
	}
	authFiles := func(key string, a *Auth) {
		if a != nil && a.JWT != nil {
			put(key+".jwt.public_key_file", a.JWT.PublicKeyFile, Live)
			put(key+".jwt.jwks_file", a.JWT.JWKSFile, Live)
		}
	}
	ruleFiles := func(key keyPath, rules map[string]*Rule) {
		for event, r := range rules {
			if !inline(r.Schema) {
				put(append(slices.Clip(key), event, "schema").String(), r.Schema, Live)
			}
		}
	}
	authFiles("auth", x.Auth)
	ruleFiles(keyPath{"on"}, x.On)
	for path, s := range x.Namespace {
		at := keyPath{"namespace", path}.String()
		authFiles(at+".auth", s.Auth)
		ruleFiles(keyPath{"namespace", path, "on"}, s.On)
	}
	if x.TLS != nil {
		put("tls.cert_file", x.TLS.CertFile, Live)
		put("tls.key_file", x.TLS.KeyFile, Live)
		put("tls.client_ca_file", x.TLS.ClientCA, Live)
	}
	if x.Worker != nil {
		for i, path := range x.Worker.EnvFile {
			put("worker.env_file["+strconv.Itoa(i)+"]", path, Worker)
		}
	}
	return all
}

// keepContents notes what the files of x hold. An env_file may be absent: that is the worker's trouble, not the file's.
func (l *loader) keepContents(x *Instance) {
	for _, f := range x.files() {
		text, known := l.contents[f.path]
		if !known && f.class == Worker {
			l.looked = add(l.looked, f.path)
			if t, err := l.sight.read(f.path); err == nil {
				text, known = t, true
				l.secrets = add(l.secrets, f.path)
			}
		}
		if !known {
			continue
		}
		if x.Contents == nil {
			x.Contents = map[string]string{}
		}
		x.Contents[f.path] = text
	}
}

// SchemaOf returns the JSON text of a rule's schema, "" if it has none.
func (x *Instance) SchemaOf(r *Rule) string {
	if inline(r.Schema) {
		return r.Schema
	}
	return x.Contents[r.Schema]
}
