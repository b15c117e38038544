package interpreter

import (
	"path/filepath"
	"regexp"
	"strings"
)

var gemfileRuby = regexp.MustCompile(`(?m)^\s*ruby\s+['"][~>= ]*([0-9.]+)['"]`)

func (s *search) pinnedRuby() ([]candidate, string) {
	p := s.pinFor([]string{".ruby-version"}, "ruby")
	if p.version == "" {
		if m := gemfileRuby.FindStringSubmatch(read(s.file("Gemfile"))); m != nil {
			p = pin{m[1], s.file("Gemfile")}
		}
	}
	p.version = strings.TrimPrefix(p.version, "ruby-")
	if p.version == "" {
		return nil, "no version is pinned"
	}
	found := installed(p, []install{
		s.miseInstalls("ruby", "bin/ruby"),
		{dir: below(s.root("RBENV_ROOT", ".rbenv"), "versions"), bin: "bin/ruby"},
		s.asdfInstalls("ruby", "bin/ruby"),
		{dir: s.home(".rubies"), prefix: "ruby-", bin: "bin/ruby"},
		{dir: "/opt/rubies", prefix: "ruby-", bin: "bin/ruby"},
	})
	if len(found) == 0 {
		return nil, p.file + " asks for " + p.version + ", which mise, rbenv, asdf and chruby do not have"
	}
	return found, ""
}

// finishRuby runs the command under bundler where the project has a Gemfile.
func (s *search) finishRuby() {
	gemfile := s.file("Gemfile")
	if !isFile(gemfile) {
		return
	}
	s.choice.Env["BUNDLE_GEMFILE"] = gemfile
	bundle := filepath.Join(filepath.Dir(s.choice.Path), "bundle")
	if !isProgram(bundle) {
		found, _ := s.byName("bundle")
		if len(found) == 0 {
			s.choice.Note = "Gemfile is there, but bundle is not: gem install bundler"
			return
		}
		bundle = found[0].path
	}
	s.choice.Argv = append([]string{bundle, "exec"}, s.choice.Argv...)
}
