package main

import (
	"fmt"
	"runtime"

	"github.com/urfave/cli/v2"
)

// version is set by the linker for a release: -X main.version=1.2.3.
var version = "0.1.0-dev"

func versionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the version",
		HideHelpCommand: true, OnUsageError: onUsageError, CustomHelpTemplate: cli.CommandHelpTemplate + globalHelp(),
		Before: noArguments,
		Action: printVersion,
	}
}

func printVersion(c *cli.Context) error {
	if c.Bool("json") {
		return writeJSON(c.App.Writer, map[string]string{"version": version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
	}
	_, err := fmt.Fprintf(c.App.Writer, "sockd %s (%s %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
