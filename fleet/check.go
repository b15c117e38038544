package fleet

import (
	"maps"
	"slices"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance"
	"github.com/sockd/sockd/instance/transport"
)

// Check makes every enabled instance of c, opens nothing, and throws them away: a reload up to where an address would be
// bound. The error has the faults of all instances, as a *[config.Errors] with their places.
func Check(c *config.Config) error {
	if _, err := MakePlan(nil, c); err != nil {
		return err
	}
	env := instance.Env{Loops: transport.NewLoops(1, 64), MaxFiles: 64}
	var faults []*config.Error
	for _, name := range slices.Sorted(maps.Keys(c.Instances)) {
		in := c.Instances[name]
		if !in.Enabled {
			continue
		}
		if _, err := startInstance(name, in, env); err != nil {
			at := faultIn(c, &refusal{instance: name, err: err})
			faults = append(faults, &config.Error{File: at.File, Line: at.Line, Col: at.Col, Message: at.Message})
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return &config.Errors{List: faults}
}
