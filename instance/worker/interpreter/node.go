package interpreter

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
)

// packageJSON is what matters of that file; a field of another type is left empty.
type packageJSON struct {
	packageManager string
	volta          string
	engines        string
	devEngines     string // version of devEngines.runtime, if that is node
	workspaces     bool
}

func readPackage(path string) packageJSON {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(read(path)), &fields) != nil {
		return packageJSON{}
	}
	var p packageJSON
	var node struct {
		Node    string `json:"node"`
		Extends string `json:"extends"`
	}
	_ = json.Unmarshal(fields["packageManager"], &p.packageManager)
	if json.Unmarshal(fields["volta"], &node) == nil {
		if p.volta = node.Node; p.volta == "" && node.Extends != "" && filepath.Base(node.Extends) == "package.json" {
			p.volta = readVolta(filepath.Join(filepath.Dir(path), node.Extends))
		}
		node.Node = ""
	}
	if json.Unmarshal(fields["engines"], &node) == nil {
		p.engines = node.Node
	}
	var dev struct {
		Runtime struct{ Name, Version string }
	}
	if json.Unmarshal(fields["devEngines"], &dev) == nil && dev.Runtime.Name == "node" {
		p.devEngines = dev.Runtime.Version
	}
	p.workspaces = len(fields["workspaces"]) > 0
	return p
}

// readVolta reads the pin that a package of a workspace takes from another file; one step, so that a ring ends.
func readVolta(path string) string {
	var p struct{ Volta struct{ Node string } }
	_ = json.Unmarshal([]byte(read(path)), &p)
	return p.Volta.Node
}

// otherRuntime is deno or bun, where the project shows that it is written for one of them.
func (s *search) otherRuntime() ([]candidate, string) {
	word := s.spec.Command[0]
	if word == "deno" || word == "bun" {
		return s.byName(word)
	}
	p := readPackage(s.file("package.json"))
	name, mark := "", ""
	switch {
	case isFile(s.file("deno.json")), isFile(s.file("deno.jsonc")):
		name, mark = "deno", "deno.json"
	case isFile(s.file("bun.lock")), isFile(s.file("bun.lockb")):
		name, mark = "bun", "bun.lock"
	case strings.HasPrefix(p.packageManager, "bun@"):
		name, mark = "bun", "packageManager"
	default:
		return nil, "the project has no sign of deno or bun"
	}
	if p.volta != "" || p.engines != "" || s.nodePin().version != "" {
		return nil, mark + " is there, but the project pins a version of node"
	}
	found, why := s.byName(name)
	if len(found) == 0 {
		return nil, mark + " is there, but " + why
	}
	found[0].note = name + " by " + mark
	return found, ""
}

func (s *search) volta() ([]candidate, string) {
	p := pin{readPackage(s.file("package.json")).volta, s.file("package.json")}
	if p.version == "" {
		return nil, "package.json has no volta.node"
	}
	found := installed(p, []install{s.voltaNodes()})
	if len(found) == 0 {
		return nil, "volta has no node " + p.version + " yet: volta install node@" + p.version
	}
	return found, ""
}

func (s *search) voltaNodes() install {
	return install{dir: below(s.root("VOLTA_HOME", ".volta"), "tools", "image", "node"), bin: "bin/node"}
}

func (s *search) nodePin() pin {
	p := s.pinFor([]string{".nvmrc", ".node-version"}, "node", "nodejs")
	if v := readPackage(s.file("package.json")).devEngines; p.version == "" && v != "" {
		p = pin{strings.TrimLeft(v, "^~>=v "), s.file("package.json")}
	}
	p.version = strings.TrimPrefix(p.version, "v")
	return p
}

func (s *search) pinnedNode() ([]candidate, string) {
	p := s.nodePin()
	if p.version == "" {
		return nil, "no version is pinned"
	}
	nvm := s.root("NVM_DIR", ".nvm")
	wanted := p.version
	for range 4 { // lts/* is an alias of lts/iron, which is one of v20.1.0
		alias := firstWord(read(below(nvm, "alias", filepath.FromSlash(p.version))))
		if nvm == "" || alias == "" || strings.Contains(p.version, "..") {
			break
		}
		p.version = strings.TrimPrefix(alias, "v")
	}
	fnm := s.env["FNM_DIR"]
	if fnm == "" {
		if fnm = s.data("fnm"); !isDir(fnm) {
			fnm = s.home(".fnm")
		}
	}
	found := installed(p, []install{
		s.voltaNodes(),
		{dir: below(fnm, "node-versions"), prefix: "v", bin: "installation/bin/node"},
		{dir: below(nvm, "versions", "node"), prefix: "v", bin: "bin/node"},
		s.miseInstalls("node", "bin/node"),
		s.asdfInstalls("nodejs", "bin/node"),
	})
	if len(found) == 0 {
		return nil, p.file + " asks for " + wanted + ", which volta, fnm, nvm, mise and asdf do not have"
	}
	return found, ""
}

// finishNode adds the project's own programs to PATH, checks engines.node and makes TypeScript run.
func (s *search) finishNode() {
	dirs := append([]string{s.spec.Project}, s.workspace()...)
	var bins []string
	for _, dir := range dirs {
		bins = append(bins, existing(filepath.Join(dir, "node_modules", ".bin"))...)
	}
	s.choice.Prepend = append(bins, s.choice.Prepend...)
	runtime := filepath.Base(s.choice.Path)
	if strings.HasPrefix(runtime, "deno") && len(s.choice.Argv) > 1 && s.spec.Command[0] != "deno" {
		s.choice.Argv = slices.Insert(s.choice.Argv, 1, "run", "-A") // what node would be allowed
	}
	if !strings.HasPrefix(runtime, "node") {
		return
	}
	if want := readPackage(s.file("package.json")).engines; want != "" && !fits(s.choice.Version, want) {
		s.choice.Note = "node " + s.choice.Version + " does not fit engines.node = \"" + want + "\""
	}
	s.typescript(bins)
}

// workspace returns the folders above the project up to the root of its repository or workspace.
func (s *search) workspace() []string {
	dirs := s.upwards(".git", "pnpm-workspace.yaml")
	for i, dir := range dirs {
		if readPackage(filepath.Join(dir, "package.json")).workspaces {
			return dirs[:i+1]
		}
	}
	return dirs
}

// typescript lets a .ts file run: node 22.18 and 23.6 strip types by themselves, 22.6 when asked, before that the project's tsx does it.
func (s *search) typescript(bins []string) {
	i := slices.IndexFunc(s.choice.Argv, func(a string) bool { return slices.Contains([]string{".ts", ".mts", ".cts"}, filepath.Ext(a)) })
	v := s.choice.Version
	switch {
	case i < 1, compare(v, "23.6") >= 0, compare(v, "22.18") >= 0 && under(v, "22"):
		return
	case compare(v, "22.6") >= 0:
		s.choice.Argv = slices.Insert(s.choice.Argv, 1, "--experimental-strip-types")
		return
	}
	for _, bin := range bins {
		if tsx := filepath.Join(bin, "tsx"); isProgram(tsx) {
			s.choice.Argv[0] = tsx
			s.choice.Prepend = append(s.choice.Prepend, filepath.Dir(s.choice.Path))
			return
		}
	}
	s.choice.Note = "node " + v + " runs no TypeScript: install tsx in the project, or node 22.18"
}
