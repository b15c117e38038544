package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet/service"
	"github.com/urfave/cli/v2"
)

func serviceCommand() *cli.Command {
	perUser := func() cli.Flag { return boolFlag("user", "a service of your own, without root") }
	return commandGroup("service", "have the machine run the fleet: systemd, or launchd on macOS",
		&cli.Command{
			Name: "install", Usage: "write a hardened unit for the file",
			Description: "A service of the machine runs as who called sudo. Its workers can write to their projects, and to nothing else; install again after an\n" +
				"edit that adds a project or a port under 1024.",
			Flags: []cli.Flag{
				perUser(),
				boolFlag("print", "show the unit and write nothing"),
				boolFlag("now", "start it now and at every boot"),
				boolFlag("force", "replace a unit that sockd has not written"),
				&cli.StringFlag{Name: "run-as", Usage: "run as `USER`; a service of the machine only"},
			},
			Before: noArguments, Action: serviceInstall,
		},
		&cli.Command{
			Name: "uninstall", Usage: "stop the service of the file and remove its unit",
			Flags:  []cli.Flag{perUser()},
			Before: noArguments, Action: serviceUninstall,
		})
}

// account is who a service runs as.
type account struct {
	uid, gid int
	name     string // or the uid in digits
	home     string
}

// runner is the account of the service that c asks for: --run-as, else who called sudo, else who calls.
func runner(c *cli.Context) (account, error) {
	name := c.String("run-as")
	switch {
	case name != "" && c.Bool("user"):
		return account{}, usage("--run-as is for a service of the machine, not for one of --user")
	case name == "" && os.Geteuid() == 0 && !c.Bool("user"):
		name = os.Getenv("SUDO_USER")
	}
	if name == "" {
		a := account{os.Geteuid(), os.Getegid(), strconv.Itoa(os.Geteuid()), os.Getenv("HOME")}
		if u, err := user.Current(); err == nil && u.Uid == a.name {
			a.name = u.Username
		}
		return a, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return account{}, err
	}
	uid, err := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(u.Gid)
	return account{uid, gid, u.Username, u.HomeDir}, errors.Join(err, gidErr)
}

// surroundings are what the daemon will find: a service manager sets little more than HOME.
func (a account) surroundings() surroundings {
	if a.uid == os.Geteuid() {
		return here()
	}
	return surroundings{uid: a.uid, env: func(key string) string {
		if key == "HOME" {
			return a.home
		}
		return ""
	}}
}

func serviceInstall(c *cli.Context) error {
	cfg, err := loadChecked(c)
	if err != nil {
		return invalid(err)
	}
	who, err := runner(c)
	if err != nil {
		return err
	}
	p, err := who.surroundings().locate(c.String("state-dir"), cfg.Path)
	if err != nil {
		return err
	}
	if filepath.Dir(p.socket) != p.dir {
		return fmt.Errorf("state folder %s: too long for a service, --state-dir gives a shorter one", p.dir)
	}
	u, err := unitOf(c, cfg, who, p)
	if err != nil {
		return err
	}
	m := service.NativeManager(runtime.GOOS)
	text, err := u.Text(m)
	if err != nil {
		return err
	}
	if c.Bool("print") {
		_, err := fmt.Fprint(c.App.Writer, text)
		return err
	}
	path := u.Path(m, who.home, os.Getenv("XDG_CONFIG_HOME"))
	if err := service.Install(path, text, c.Bool("force")); err != nil {
		return refused(c, err)
	}
	if err := who.prepare(p); err != nil {
		return err
	}
	fmt.Fprintf(c.App.ErrWriter, "sockd: wrote %s\n", path)
	return activate(c, m, u.Enable(m, path, who.uid))
}

// activate starts the service or says how.
func activate(c *cli.Context, m service.Manager, commands [][]string) error {
	if !c.Bool("now") {
		fmt.Fprintf(c.App.ErrWriter, "sockd: to start it now and at every boot: %s\n", written(commands))
		return nil
	}
	if _, err := exec.LookPath(commands[0][0]); err != nil {
		return fmt.Errorf("%s is not here, so the service was not started: %s", commands[0][0], written(commands))
	}
	if err := perform(c, commands); err != nil {
		return err
	}
	if c.Bool("user") && m == service.Systemd {
		fmt.Fprintln(c.App.ErrWriter, "sockd: it runs while you are logged in; loginctl enable-linger makes it run always")
	}
	return nil
}

// unitOf describes the service of a file that is valid.
func unitOf(c *cli.Context, cfg *config.Config, who account, p place) (service.Unit, error) {
	program, err := os.Executable()
	if err != nil {
		return service.Unit{}, fmt.Errorf("path of this program: %w", err)
	}
	u := service.Unit{
		Name: unitName(cfg.Path), Program: program, Config: cfg.Path, StateDir: p.dir, PerUser: c.Bool("user"), User: who.name,
		Writable: writable(cfg), LowPorts: usesLowPorts(cfg),
	}
	if who.uid == 0 {
		u.User = ""
		if !u.PerUser {
			fmt.Fprintln(c.App.ErrWriter, "sockd: the service runs as root, --run-as names another user")
		}
	}
	return u, nil
}

// unitName tells the services of several files apart, by the same name that their state folders have.
func unitName(file string) string {
	if file == "/etc/sockd/sockd.toml" {
		return "sockd"
	}
	return "sockd-" + service.UnitName(folderName(file))
}

// writable are the folders that workers and journals write to, besides the state folder.
func writable(cfg *config.Config) []string {
	var list []string
	for _, in := range cfg.Instances {
		if !in.Enabled {
			continue
		}
		if in.Worker != nil {
			list = append(list, in.Project)
		}
		if in.Journal.Enabled && in.Journal.Dir != "" {
			list = append(list, in.Journal.Dir)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func usesLowPorts(cfg *config.Config) bool {
	for _, in := range cfg.Instances {
		if in.Enabled && !in.Port.Auto && in.Port.First < 1024 {
			return true
		}
	}
	return false
}

// prepare makes the state folder, which systemd wants to be there. For another user it goes no symbolic link out of that user's home: who owns the folders
// above could lead root anywhere.
func (a account) prepare(p place) error {
	if a.uid == os.Geteuid() {
		return p.create()
	}
	base, rel := a.home, ""
	if r, err := filepath.Rel(base, p.dir); err == nil && filepath.IsLocal(r) {
		rel = r
	} else {
		base, rel = "/", strings.TrimPrefix(p.dir, "/")
	}
	root, err := os.OpenRoot(base)
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	defer root.Close()
	return a.makeFolders(root, rel)
}

// makeFolders gives those that were not there to a.
func (a account) makeFolders(root *os.Root, path string) error {
	var done string
	for _, name := range strings.Split(path, "/") {
		done = filepath.Join(done, name)
		err := root.Mkdir(done, 0o700)
		if err == nil {
			err = root.Lchown(done, a.uid, a.gid)
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("state folder: %w", err)
		}
	}
	return nil
}

func serviceUninstall(c *cli.Context) error {
	file, err := config.Lookup(c.String("config"))
	if err != nil {
		return invalid(err)
	}
	who, err := runner(c)
	if err != nil {
		return err
	}
	m := service.NativeManager(runtime.GOOS)
	u := service.Unit{Name: unitName(file), PerUser: c.Bool("user")}
	path := u.Path(m, who.home, os.Getenv("XDG_CONFIG_HOME"))
	if err := service.Installed(path); err != nil {
		return refused(c, err)
	}
	stop := u.Disable(m, who.uid)
	_, absent := exec.LookPath(stop[0][0])
	if absent == nil {
		if err := perform(c, stop); err != nil { // one that was never started, or no manager is running
			fmt.Fprintf(c.App.ErrWriter, "sockd: %v\n", err)
		}
	}
	if err := service.Uninstall(path); err != nil {
		return refused(c, err)
	}
	fmt.Fprintf(c.App.ErrWriter, "sockd: removed %s\n", path)
	after := u.Forget(m)
	if absent != nil {
		fmt.Fprintf(c.App.ErrWriter, "sockd: %s is not here; if the service runs: %s\n", stop[0][0], written(append(stop, after...)))
		return nil
	}
	if err := perform(c, after); err != nil {
		fmt.Fprintf(c.App.ErrWriter, "sockd: %v\n", err)
	}
	return nil
}

// refused adds what helps.
func refused(c *cli.Context, err error) error {
	switch {
	case errors.Is(err, service.ErrForeign) && c.Command.Name == "install":
		return fmt.Errorf("%w, --force replaces it", err)
	case errors.Is(err, fs.ErrPermission) && !c.Bool("user"):
		return fmt.Errorf("%w: use sudo, or --user for a service of your own", err)
	case errors.Is(err, fs.ErrNotExist) && c.Command.Name == "uninstall":
		return fmt.Errorf("no service is installed for this file: %w", err)
	}
	return err
}

// perform runs commands with our output until one fails.
func perform(c *cli.Context, commands [][]string) error {
	for _, words := range commands {
		cmd := exec.CommandContext(c.Context, words[0], words[1:]...)
		cmd.Stdout, cmd.Stderr = c.App.ErrWriter, c.App.ErrWriter
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(words, " "), err)
		}
	}
	return nil
}

// written is commands as a person types them.
func written(commands [][]string) string {
	lines := make([]string, len(commands))
	for i, words := range commands {
		lines[i] = strings.Join(words, " ")
	}
	return strings.Join(lines, " && ")
}
