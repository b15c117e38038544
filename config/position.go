package config

// place is where something was written. The zero value is nowhere.
type place struct {
	file      string // as the user named it, or as it was found from there
	line, col int    // from 1, col in characters
}

// origin is where the parts of an instance that can turn out wrong only when it is started were written. More is not kept: a Config
// outlives the texts, and there may be hundreds of instances.
type origin struct {
	table, host, port place
}

func (n *node) place() place {
	if n == nil {
		return place{}
	}
	at := n.src.fault(n.off, "")
	return place{at.File, at.Line, at.Col}
}

// Position returns where a key of an instance was written: in [defaults] if the instance has it from there, the line of the
// instance's table if it is not written at all. The keys "host" and "port" are known, any other counts as not written. Line and column are 0,
// and file is that of Path, for an instance that no file has.
func (c *Config) Position(instance, key string) (file string, line, col int) {
	o := c.origins[instance]
	at := o.table
	switch {
	case key == "port" && o.port.line > 0:
		at = o.port
	case key == "host" && o.host.line > 0:
		at = o.host
	}
	if at.line == 0 {
		return c.Path, 0, 0
	}
	return at.file, at.line, at.col
}
