package respcache

import (
	"bytes"
	"container/list"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// DefaultMaxBytes is the default size of a cache.
const DefaultMaxBytes = 64 << 20

// Cache stores responses of several models. It is safe for concurrent use.
type Cache struct {
	maxBytes int64
	seed     maphash.Seed

	mu    sync.Mutex
	bytes int64
	byKey map[uint64][]*list.Element // of *item
	// byUse has the most recently used item at its front.
	byUse *list.List
}

// item is a cached response with its inputs. It is immutable.
type item struct {
	key     uint64
	owner   *session
	inputs  []tensor.Tensor
	outputs []tensor.Tensor
	bytes   int64
}

// itemOverhead is the approximate memory of an item without its tensors' bytes.
const itemOverhead = 512

// New returns a cache of up to maxBytes.
func New(maxBytes int64) *Cache {
	return &Cache{maxBytes: maxBytes, seed: maphash.MakeSeed(), byKey: map[uint64][]*list.Element{}, byUse: list.New()}
}

// Bytes returns the size of the cache's content.
func (c *Cache) Bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

// hash returns the key of a session's inputs, from their datatypes, shapes and bytes.
func (c *Cache) hash(owner *session, inputs []tensor.Tensor) uint64 {
	var h maphash.Hash
	h.SetSeed(c.seed)
	maphash.WriteComparable(&h, owner)
	for i := range inputs {
		maphash.WriteComparable(&h, inputs[i].DataType)
		for _, d := range inputs[i].Shape {
			maphash.WriteComparable(&h, d)
		}
		_, _ = h.Write(inputs[i].Data) // never fails
	}
	return h.Sum64()
}

// find returns copies of the cached outputs for inputs, or nil.
func (c *Cache) find(key uint64, owner *session, inputs []tensor.Tensor) []tensor.Tensor {
	c.mu.Lock()
	var candidates []*item
	for _, element := range c.byKey[key] {
		if it := element.Value.(*item); it.owner == owner {
			c.byUse.MoveToFront(element)
			candidates = append(candidates, it)
		}
	}
	c.mu.Unlock()
	// Items are immutable: compare and copy them outside the lock.
	for _, it := range candidates {
		if same(it.inputs, inputs) {
			return clone(it.outputs)
		}
	}
	return nil
}

// add stores copies of a response, unless it exceeds the cache.
func (c *Cache) add(key uint64, owner *session, inputs, outputs []tensor.Tensor) {
	size := int64(itemOverhead)
	for _, tensors := range [][]tensor.Tensor{inputs, outputs} {
		for i := range tensors {
			size += int64(len(tensors[i].Data))
		}
	}
	if size > c.maxBytes {
		return
	}
	it := &item{key: key, owner: owner, inputs: clone(inputs), outputs: clone(outputs), bytes: size}
	c.mu.Lock()
	defer c.mu.Unlock()
	if owner.closed {
		return
	}
	for _, element := range c.byKey[key] {
		if other := element.Value.(*item); other.owner == owner && same(other.inputs, inputs) {
			return // a concurrent caller stored it
		}
	}
	c.byKey[key] = append(c.byKey[key], c.byUse.PushFront(it))
	c.bytes += size
	for c.bytes > c.maxBytes {
		c.removeLocked(c.byUse.Back())
	}
}

// drop evicts all responses of a session, and stores none afterwards.
func (c *Cache) drop(owner *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	owner.closed = true
	for element := c.byUse.Front(); element != nil; {
		next := element.Next()
		if element.Value.(*item).owner == owner {
			c.removeLocked(element)
		}
		element = next
	}
}

// removeLocked evicts an item.
func (c *Cache) removeLocked(element *list.Element) {
	it := element.Value.(*item)
	c.byUse.Remove(element)
	c.bytes -= it.bytes
	rest := slices.DeleteFunc(c.byKey[it.key], func(e *list.Element) bool { return e == element })
	if len(rest) == 0 {
		delete(c.byKey, it.key)
	} else {
		c.byKey[it.key] = rest
	}
}

func same(a, b []tensor.Tensor) bool {
	return slices.EqualFunc(a, b, func(a, b tensor.Tensor) bool {
		return a.DataType == b.DataType && slices.Equal(a.Shape, b.Shape) && bytes.Equal(a.Data, b.Data)
	})
}

// clone copies tensors into memory that is aligned for every datatype.
func clone(tensors []tensor.Tensor) []tensor.Tensor {
	out := slices.Clone(tensors)
	for i := range out {
		out[i].Shape = out[i].Shape.Clone()
		data := tensor.AsBytes(make([]uint64, (len(out[i].Data)+7)/8))[:len(out[i].Data)]
		copy(data, out[i].Data)
		out[i].Data = data
	}
	return out
}
