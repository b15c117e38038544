package fleet

import (
	"errors"
	"maps"
	"slices"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance"
	"github.com/sockd/sockd/instance/transport"
)

// Check makes every enabled instance of c, opens nothing, and throws them away: a reload up to where an address would be
// bound. The error joins the faults of all instances.
func Check(c *config.Config) error {
	if _, err := MakePlan(nil, c); err != nil {
		return err
	}
	env := instance.Env{Loops: transport.NewLoops(1, 64), MaxFiles: 64}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(c.Instances)) {
		if in := c.Instances[name]; in.Enabled {
			_, err := startInstance(name, in, env)
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}
