package fleet

import (
	"io"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance"
)

// Load is [config.Load], and finds what does not compile in an instance as well: rules, programs, keys. Each fault has its place in the file.
func Load(path string) (*config.Config, error) { return config.Load(path, instance.Complaints) }

// ShowOrigins is [config.ShowOrigins] of a file that [Load] takes.
func ShowOrigins(w io.Writer, path string) error {
	return config.ShowOrigins(w, path, instance.Complaints)
}
