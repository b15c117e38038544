package main

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/sockd/sockd/config"
	"github.com/urfave/cli/v2"
)

//go:embed snippets/*.tmpl
var snippetFiles embed.FS

// clientVersion is the release of the official client that a page loads when the instance does not serve one.
const clientVersion = "4.8.1"

func snippetCommand() *cli.Command {
	return &cli.Command{
		Name: "snippet", Usage: "print a client of an instance that works when pasted", ArgsUsage: "NAME",
		Flags:           []cli.Flag{&cli.StringFlag{Name: "lang", Usage: "`LANGUAGE`: js, python, curl or html", Value: "js"}},
		HideHelpCommand: true, OnUsageError: onUsageError, CustomHelpTemplate: cli.CommandHelpTemplate + globalHelp(),
		Action: snippet,
	}
}

func snippet(c *cli.Context) error {
	if c.Args().Len() != 1 {
		return usage("%q needs the name of one instance", c.Command.HelpName)
	}
	lang := c.String("lang")
	if !slices.Contains([]string{"js", "python", "curl", "html"}, lang) {
		return usage("no snippet in %q, there is js, python, curl and html", lang)
	}
	cfg, err := load(c)
	if err != nil {
		return invalid(err)
	}
	names, err := pick(slices.Sorted(maps.Keys(cfg.Instances)), c.Args().Slice(), cfg.Path)
	if err != nil {
		return err
	}
	in := cfg.Instances[names[0]]
	port, err := clientPort(c, names[0], in)
	if err != nil {
		return err
	}
	s := snippetOf(names[0], in, port)
	if lang == "curl" && s.Ingest == "" && (s.Msgpack || !slices.Contains(in.Transports, "polling")) {
		return fmt.Errorf("instance %q: curl has no way in without an ingest table: it needs polling and the default parser", names[0])
	}
	return writeSnippet(c.App.Writer, lang, s)
}

func writeSnippet(w io.Writer, lang string, s snippetData) error {
	t, err := template.New("").Funcs(template.FuncMap{"js": jsLiteral, "sh": shLiteral}).ParseFS(snippetFiles, "snippets/*.tmpl")
	if err != nil {
		return err
	}
	return t.ExecuteTemplate(w, lang+".tmpl", s)
}

// clientPort is the port that the instance has now or, if it does not run, the one in the file.
func clientPort(c *cli.Context, name string, in *config.Instance) (int, error) {
	if client, err := daemon(c); err == nil {
		ctx, cancel := context.WithTimeout(c.Context, answerTime)
		defer cancel()
		if s, err := client.Status(ctx); err == nil {
			for _, i := range s.Instances {
				if i.Name == name && i.Port > 0 {
					return i.Port, nil
				}
			}
		}
	}
	if !in.Port.Fixed() {
		return 0, &exitError{exitUnreachable, fmt.Errorf("instance %q: its port is chosen when it starts: sockd fleet start", name)}
	}
	return in.Port.First, nil
}

// snippetData is what a snippet says of an instance.
type snippetData struct {
	Name        string
	URL         string   // without a path
	Namespace   string   // "" = "/"
	Path        string   // of Engine.IO
	Transports  []string // nil = those of the client
	Engine      bool     // plain Engine.IO
	Msgpack     bool
	Token       bool   // a client needs one
	Ingest      string // path; "" = none
	IngestToken bool
	Script      string // URL of the client for a page
}

func snippetOf(name string, in *config.Instance, port int) snippetData {
	s := snippetData{
		Name: name, URL: clientURL(in, port), Namespace: clientNamespace(in.Namespaces), Path: in.Path,
		Engine: in.Protocol == "engine.io", Msgpack: in.Parser == "msgpack", Token: in.Auth != nil,
	}
	if len(in.Transports) == 1 {
		s.Transports = in.Transports
	}
	if in.Ingest != nil {
		s.Ingest, s.IngestToken = in.Ingest.Path, in.Ingest.Token != "" || in.Ingest.TokenFile != ""
	}
	bundle := "socket.io.min.js"
	if s.Msgpack {
		bundle = "socket.io.msgpack.min.js"
	}
	switch {
	case s.Engine:
		s.Script = "https://cdn.jsdelivr.net/npm/engine.io-client@6/dist/engine.io.min.js"
	case in.ClientDir != "":
		s.Script = s.URL + s.Path + bundle
	default:
		s.Script = "https://cdn.socket.io/" + clientVersion + "/" + bundle
	}
	return s
}

func clientURL(in *config.Instance, port int) string {
	scheme, host := "http", in.Host
	if in.TLS != nil {
		scheme = "https"
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() || host == "" {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(port))
}

// clientNamespace prefers "/", then a plain name, then one that fits a glob.
func clientNamespace(names []string) string {
	if slices.ContainsFunc(names, func(n string) bool { return config.Match(n, "/") }) || len(names) == 0 {
		return ""
	}
	for _, n := range names {
		if !strings.Contains(n, "*") {
			return n
		}
	}
	return strings.ReplaceAll(names[0], "*", "1")
}

// Prefix is the namespace as a packet names it.
func (s snippetData) Prefix() string {
	if s.Namespace == "" {
		return ""
	}
	return s.Namespace + ","
}

// Auth is what a CONNECT packet carries.
func (s snippetData) Auth() string {
	if !s.Token {
		return ""
	}
	return `{"token":"YOUR-TOKEN"}`
}

// jsLiteral is a literal of JSON, which JavaScript and Python read too.
func jsLiteral(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

func shLiteral(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
