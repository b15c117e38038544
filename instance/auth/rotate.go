package auth

import (
	"slices"
	"time"
)

// credential is a token, or a key by which tokens are signed.
type credential struct {
	id    [32]byte  // of a token its sum, of a key that of its kid and material
	until time.Time // the end of its overlap, with a monotonic reading; zero while it is configured
	key   *key      // nil for a token
}

func (c *credential) valid(now time.Time) bool { return c.until.IsZero() || now.Before(c.until) }

// distinct leaves the first of each id.
func distinct(list []credential) []credential {
	seen := make(map[[32]byte]bool, len(list))
	return slices.DeleteFunc(list, func(c credential) bool {
		again := seen[c.id]
		seen[c.id] = true
		return again
	})
}

// retire returns those credentials of a that are not current but valid yet. At most as many are kept as may be configured at a time; of
// more, those go that would end first.
func (a *Auth) retire(o *Options, current []credential) []credential {
	if a == nil || a.mode != o.Mode || o.Overlap <= 0 {
		return nil
	}
	configured := make(map[[32]byte]bool, len(current))
	for i := range current {
		configured[current[i].id] = true
	}
	now := time.Now()
	end := now.Add(o.Overlap)
	var past []credential
	for _, c := range a.credentials {
		if configured[c.id] || !c.valid(now) {
			continue
		}
		if c.until.IsZero() || end.Before(c.until) {
			c.until = end
		}
		past = append(past, c)
	}
	slices.SortStableFunc(past, func(x, y credential) int { return y.until.Compare(x.until) })
	limit := maxKeys
	if o.Mode == ModeToken {
		limit = maxTokens
	}
	return past[:min(len(past), limit)]
}
