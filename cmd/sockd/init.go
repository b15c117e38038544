package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"
)

// starter is the file that `config init` writes.
//
//go:embed starter.toml
var starter []byte

func initCommand() *cli.Command {
	return &cli.Command{
		Name: "init", Usage: "write a first sockd.toml, with comments", Before: noArguments, Action: configInit,
		Description: "It goes into the working directory, or where --config says. A file that exists is left alone.",
	}
}

func configInit(c *cli.Context) error {
	path := c.String("config")
	if path == "" {
		path = "sockd.toml"
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already, it is left as it is", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(starter)
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	fmt.Fprintf(c.App.ErrWriter, "sockd: wrote %s, next: sockd fleet start\n", path)
	return nil
}
