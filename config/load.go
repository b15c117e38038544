package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"
)

// document is the shape of the main file.
type document struct {
	Include  []string             `toml:"include" default:"[]" reload:"live"`
	Fleet    Fleet                `toml:"fleet"`
	Admin    Admin                `toml:"admin"`
	Log      Log                  `toml:"log"`
	Defaults *Instance            `toml:"defaults" reload:"live"`
	Instance map[string]*Instance `toml:"instance" reload:"live"`
}

// Load reads the file at path and everything that it includes, and returns it checked and complete. The error is an *[Errors]
// with every fault of the run; only a fault of the syntax hides others in the same file. Load blocks on the file system and
// opens nothing but files. An empty file is valid. What is returned was there at one moment: when a file of it changes meanwhile all are read
// again, for a tenth of a second at most; one that changes each time is a fault.
//
// checks look at each instance in which nothing was found so far, for what this package knows nothing of, such as the programs in it.
func Load(path string, checks ...Check) (*Config, error) {
	return load(path, os.LookupEnv, false, checks...)
}

// Check finds faults in one instance. It must not change or keep it.
type Check func(*Instance) []Complaint

// Complaint is a fault of one key of an instance.
type Complaint struct {
	Key     []string // below the instance, such as on, message, args
	Message string
}

// loader is one run of Load.
type loader struct {
	decoder
	faults  faults
	config  *Config
	named   string           // the main file as the caller named it
	root    *node            // the main file
	merged  map[string]*node // instances with [defaults] under them
	checks  []Check
	order   int // of the next source
	looked  []string
	secrets []string // files that keys name
	read    []string // TOML files
}

func load(path string, lookup func(string) (string, bool), later bool, checks ...Check) (*Config, error) {
	c, _, err := loadTree(path, lookup, later, checks...)
	return c, err
}

// loadTree is load, and returns what it has read as well.
func loadTree(path string, lookup func(string) (string, bool), later bool, checks ...Check) (*Config, *loader, error) {
	for _, pause := range pauses {
		c, l, err := loadOnce(path, lookup, later, checks...)
		if l == nil || l.sight.changed() == "" {
			return c, l, err
		}
		<-time.After(pause)
	}
	c, l, err := loadOnce(path, lookup, later, checks...)
	if err != nil {
		return nil, l, err
	}
	if changed := l.sight.changed(); changed != "" {
		l.faults.add(plain(l.display(changed), 0, errChanges))
		return nil, l, l.refused()
	}
	return c, l, nil
}

// loadOnce reads everything once. Without a loader, there was nothing to read.
func loadOnce(path string, lookup func(string) (string, bool), later bool, checks ...Check) (*Config, *loader, error) {
	l := &loader{named: path, checks: checks, config: &Config{Instances: make(map[string]*Instance), origins: make(map[string]origin)}}
	l.decoder = decoder{faults: &l.faults, lookup: lookup, files: &l.secrets, looked: &l.looked, contents: map[string]string{}, sight: newSight(), later: later}
	abs, err := filepath.Abs(path)
	if err != nil || path == "" {
		return nil, nil, &Errors{List: []*Error{plain(path, 0, errors.Join(err, errors.New("no file is named")))}}
	}
	l.config.Path = abs
	if root := l.open(path, abs); root != nil {
		l.document(root)
	}
	if len(l.faults.list) > 0 {
		return nil, l, l.refused()
	}
	l.config.Files, l.config.sight = l.read, l.sight
	for _, f := range l.secrets {
		l.config.Files = add(l.config.Files, f)
	}
	for _, x := range l.config.Instances {
		x.ClientStamp = stamp(x.ClientDir)
	}
	l.config.Digest = digest(l.config)
	return l.config, l, nil
}

// refused are the faults that were found.
func (l *loader) refused() *Errors {
	e := l.faults.sorted()
	e.Watch, e.sight = append(l.looked, l.config.Include...), l.sight
	return e
}

// open reads and parses one file; nil after a fault.
func (l *loader) open(name, path string) *node {
	order := l.order
	l.order++
	l.looked = add(l.looked, path)
	text, err := l.sight.read(path)
	if err != nil {
		l.faults.add(plain(name, order, err))
		return nil
	}
	l.read = add(l.read, path)
	root, fault := parse(newSource(name, path, order, text))
	if fault != nil {
		l.faults.add(fault)
		return nil
	}
	return root
}

func (l *loader) document(root *node) {
	c := l.config
	l.root = root
	setDefaults(reflect.ValueOf(&c.Fleet).Elem(), "")
	setDefaults(reflect.ValueOf(&c.Admin).Elem(), "")
	setDefaults(reflect.ValueOf(&c.Log).Elem(), "")
	declared := &instances{loader: l, tables: make(map[string]*node)}
	known := fields(reflect.TypeFor[document]())
	for _, name := range root.names() {
		n := root.table[name]
		switch name {
		case "include", "defaults": // below: they concern the instances
		case "fleet":
			l.table(n, reflect.ValueOf(&c.Fleet).Elem())
		case "admin":
			l.table(n, reflect.ValueOf(&c.Admin).Elem())
		case "log":
			l.table(n, reflect.ValueOf(&c.Log).Elem())
		case "instance":
			declared.add(n)
		default:
			l.unknown(n, known)
		}
	}
	for _, f := range l.includes(root.table["include"]) {
		l.fragment(f, declared)
	}
	declared.decode(root.table["defaults"])
	l.merged = declared.merged
	l.checkFleet(root)
	l.clashes(root, declared.merged)
}

// instances are the tables [instance.*] of all files.
type instances struct {
	*loader
	names  []string
	tables map[string]*node // as written
	merged map[string]*node // with [defaults] under them
}

// add takes over the tables below one table [instance].
func (i *instances) add(n *node) {
	if n.table == nil {
		i.mismatch(n, "a table such as [instance.chat]")
		return
	}
	for _, name := range n.names() {
		t := n.table[name]
		switch before := i.tables[name]; {
		case t.table == nil:
			i.mismatch(t, "a table such as [instance.chat]")
		case !instanceName(name):
			i.at(t, "the name of an instance has letters, digits, \"-\", \"_\" and \".\", at most 64, and begins with a letter or digit")
		case before != nil:
			at := before.src.fault(before.off, "")
			i.at(t, "is written already, at %s:%d", at.File, at.Line)
		default:
			i.names = append(i.names, name)
			i.tables[name] = t
		}
	}
}

func instanceName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !bareByte(c) && c != '.' {
			return false
		}
	}
	return s != "" && len(s) <= 64 && s[0] != '-' && s[0] != '.' && s[0] != '_'
}

// decode fills the instances. [defaults] is read once for itself first, so that its faults show without any instance too.
func (i *instances) decode(defaults *node) {
	if defaults != nil {
		own := i.decoder
		own.partial = true
		var scratch Instance
		setDefaults(reflect.ValueOf(&scratch).Elem(), filepath.Dir(defaults.src.path))
		own.table(defaults, reflect.ValueOf(&scratch).Elem())
	}
	i.merged = make(map[string]*node)
	for _, name := range i.names {
		n := merge(i.tables[name], defaults)
		x := &Instance{}
		before := len(i.faults.list) + i.faults.more
		i.fill(n, reflect.ValueOf(x).Elem())
		i.checkInstance(n, x)
		i.keepContents(x)
		if len(i.faults.list)+i.faults.more == before {
			i.complain(n, x)
		}
		i.config.Instances[name], i.merged[name] = x, n
		i.config.origins[name] = origin{i.tables[name].place(), n.get("host").place(), n.get("port").place()}
	}
}

// complain reports what the caller's checks find.
func (l *loader) complain(n *node, x *Instance) {
	for _, check := range l.checks {
		for _, c := range check(x) {
			l.below(n, c.Key, "%s", c.Message)
		}
	}
}

// match is one included file.
type match struct{ name, path string }

// includes returns the files that the patterns name, in the order of the patterns and then of their names, each once. A pattern that
// matches nothing is fine, a plain name that is missing is not. A name that begins with a point is matched only by a pattern that does.
func (l *loader) includes(n *node) []match {
	if n == nil {
		return nil
	}
	var patterns []string
	v := reflect.ValueOf(&patterns).Elem()
	if !l.leaf(n, v) {
		return nil
	}
	var found []match
	seen := map[string]bool{l.config.Path: true}
	for i, p := range patterns {
		pattern, err := l.pattern(n.list[i], p)
		if err != nil {
			l.at(n.list[i], "%q: %v", cut(p), err)
			continue
		}
		l.config.Include = append(l.config.Include, pattern)
		paths := l.sight.glob(pattern)
		if len(paths) == 0 && !strings.ContainsAny(p, "*?[") {
			l.at(n.list[i], "%q: no such file", cut(p))
		}
		for _, path := range paths {
			hidden := strings.HasPrefix(filepath.Base(path), ".") && !strings.HasPrefix(filepath.Base(p), ".")
			if !seen[path] && !hidden {
				seen[path] = true
				found = append(found, match{l.display(path), path})
			}
		}
	}
	return found
}

// pattern makes a pattern absolute; what is a wildcard in the folder's own name is escaped.
func (l *loader) pattern(n *node, p string) (string, error) {
	if p == "" {
		return "", errors.New("the pattern is empty")
	}
	if _, err := filepath.Match(p, ""); err != nil {
		return "", errors.New("is no valid glob")
	}
	escape := strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)
	return resolve(p, escape.Replace(filepath.Dir(n.src.path)), l.lookup)
}

// display names an included file the way the main file was named: relative if that was.
func (l *loader) display(path string) string {
	rel, err := filepath.Rel(filepath.Dir(l.config.Path), path)
	if err != nil || filepath.IsAbs(l.named) || strings.HasPrefix(rel, "..") {
		return path
	}
	return filepath.Join(filepath.Dir(l.named), rel)
}

// fragment reads an included file, which may hold instances only.
func (l *loader) fragment(f match, declared *instances) {
	root := l.open(f.name, f.path)
	if root == nil {
		return
	}
	for _, name := range root.names() {
		n := root.table[name]
		if name == "instance" {
			declared.add(n)
			continue
		}
		l.at(n, "an included file may hold [instance.NAME] tables only").Hint = nearest(name, []string{"instance"})
	}
}
