package admin

// Registry is what /metrics gathers from.
var Registry = registry
