package static

// Cache is the cache of a site.
type Cache struct{ c cache }

// NewCache returns one of limit bytes.
func NewCache(limit int) *Cache { return &Cache{cache{limit: limit}} }

// Get is cache.get for a file called name.
func (c *Cache) Get(name string, do func() ([]byte, error)) ([]byte, error) {
	p, err := c.c.get(cacheKey{name: name}, func() (prepared, error) {
		b, err := do()
		return prepared{body: b}, err
	})
	return p.body, err
}
