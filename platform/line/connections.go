package line

import (
	"slices"
	"sync"
)

// connections remembers which connections a key has, to end them when it is
// given up.
type connections struct {
	mu    sync.Mutex
	byKey map[string][]uint64
	alive func(id uint64) bool // nil while the server starts
}

func (c *connections) add(key string, id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey == nil {
		c.byKey = map[string][]uint64{}
	}
	// Those that ended are forgotten here, so that a guest that comes and
	// goes leaves nothing behind.
	kept := slices.DeleteFunc(c.byKey[key], func(id uint64) bool { return c.alive != nil && !c.alive(id) })
	c.byKey[key] = append(kept, id)
}

// watch says how to tell whether a connection is still there.
func (c *connections) watch(alive func(id uint64) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alive = alive
}

// drop forgets a connection that was not let in.
func (c *connections) drop(key string, id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := slices.DeleteFunc(c.byKey[key], func(other uint64) bool { return other == id })
	if len(kept) == 0 {
		delete(c.byKey, key)
		return
	}
	c.byKey[key] = kept
}

// take gives out the connections of a key and forgets them.
func (c *connections) take(key string) []uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	ids := c.byKey[key]
	delete(c.byKey, key)
	return ids
}
