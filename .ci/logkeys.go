//go:build ignore

// Checks every call of a *slog.Logger: keys are string literals from the closed list, messages are constants that begin
// in lower case and end without a full stop.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var keys = strings.Fields("instance ns socket room event rule remote listen reason err took n attempt digest")

// firstKey is the index of the first key among the arguments of a logger's method.
var firstKey = map[string]int{
	"With": 0, "Debug": 1, "Info": 1, "Warn": 1, "Error": 1,
	"DebugContext": 2, "InfoContext": 2, "WarnContext": 2, "ErrorContext": 2, "Log": 3, "LogAttrs": 3,
}

// attrs are the functions of package slog that make one attribute.
var attrs = strings.Fields("String Int Int64 Uint64 Float64 Bool Time Duration Any Group")

// A logger is recognised by its name: log, l.log, env.Log, slog.
var logger = regexp.MustCompile(`(?i)(^|\W)s?log(ger)?$`)

var faults int

func main() {
	files := token.NewFileSet()
	err := filepath.WalkDir(os.Args[1], func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		if err == nil && d.IsDir() && path != os.Args[1] && (name[0] == '.' || name == "testdata" || name == "node_modules") {
			return fs.SkipDir
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				check(files, call)
			}
			return true
		})
		return nil
	})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	if faults > 0 {
		os.Exit(1)
	}
}

func check(files *token.FileSet, call *ast.CallExpr) {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	fault := func(format string, args ...any) {
		faults++
		fmt.Printf("%s: log: %s\n", files.Position(call.Pos()), fmt.Sprintf(format, args...))
	}
	receiver := name(method.X)
	if receiver == "slog" && slices.Contains(attrs, method.Sel.Name) && len(call.Args) > 0 {
		checkKey(call.Args[0], fault)
		return
	}
	first, ok := firstKey[method.Sel.Name]
	if !ok || !logger.MatchString(receiver) || len(call.Args) < first {
		return
	}
	if first > 0 {
		checkMessage(call.Args[first-1], fault)
	}
	for i := first; i < len(call.Args); i++ {
		if isAttr(call.Args[i]) || call.Ellipsis.IsValid() {
			continue
		}
		checkKey(call.Args[i], fault)
		i++ // its value
	}
}

func name(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return name(x.X) + "." + x.Sel.Name
	case *ast.CallExpr:
		return name(x.Fun)
	}
	return ""
}

// isAttr recognises slog.String(…) and the like, which are checked by themselves.
func isAttr(x ast.Expr) bool {
	call, ok := x.(*ast.CallExpr)
	return ok && strings.HasPrefix(name(call.Fun), "slog.")
}

func checkKey(x ast.Expr, fault func(string, ...any)) {
	key, ok := literal(x)
	switch {
	case !ok:
		fault("a key is not a string literal")
	case !slices.Contains(keys, key):
		fault("key %q is none of %s", key, strings.Join(keys, " "))
	}
}

func checkMessage(x ast.Expr, fault func(string, ...any)) {
	message, ok := literal(x)
	switch {
	case !ok:
		fault("the message is not a string literal")
	case message == "" || message != strings.ToLower(message[:1])+message[1:] || strings.HasSuffix(message, "."):
		fault("message %q: begin in lower case, end without a full stop", message)
	}
}

func literal(x ast.Expr) (string, bool) {
	lit, ok := x.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}
