package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

func manCommand() *cli.Command {
	return &cli.Command{
		Name: "man", Usage: "print the manual page",
		Description:     "sockd man | man -l -",
		HideHelpCommand: true, OnUsageError: onUsageError, CustomHelpTemplate: cli.CommandHelpTemplate + globalHelp(),
		Before: noArguments,
		Action: func(c *cli.Context) error {
			page, err := c.App.ToManWithSection(1)
			if err == nil {
				_, err = fmt.Fprint(c.App.Writer, page)
			}
			return err
		},
	}
}
