package decoded

import "google.golang.org/protobuf/encoding/protowire"

// Estimate is what a message takes in memory when it is decoded, in bytes.
type Estimate struct {
	// Memory is what decoding allocates, without the encoding itself.
	Memory int64
	// Aliased is the size of the large values that are not a part of Memory; see
	// [Plan.Binary].
	Aliased int64
	// Passing is what decoding takes besides Memory, until it ends.
	Passing int64
}

// Binary counts a message in binary Protobuf. Values of its own bytes fields, not of nested
// messages, that have alias bytes or more are assumed to alias the encoding. The error names the
// field that exceeds a limit, and is nil for malformed data.
func (p *Plan) Binary(data []byte, alias int) (Estimate, error) {
	c := binaryCounter{alias: alias}
	if _, err := c.message(p, data, 0); err != nil {
		return c.Estimate, err
	}
	return c.Estimate, nil
}

// binaryCounter counts one message and all in it.
type binaryCounter struct {
	Estimate
	alias int
	total int64
}

// usualFields is the number of fields for whose counts a message needs no allocation.
const usualFields = 16

// message counts a message that is nested depth deep. ok is false where data is malformed.
func (c *binaryCounter) message(p *Plan, data []byte, depth int) (ok bool, err *limitError) {
	if depth > MaxDepth {
		return false, errDepth()
	}
	c.Memory += p.memory
	var few [usualFields]int64
	found := counts(few[:])
	if len(p.fields) > len(few) {
		found = make(counts, len(p.fields))
	}
	for len(data) > 0 {
		number, wire, tag := protowire.ConsumeTag(data)
		if tag < 0 {
			return false, nil
		}
		var value []byte
		var n int
		if wire == protowire.BytesType {
			value, n = protowire.ConsumeBytes(data[tag:])
		} else {
			n = protowire.ConsumeFieldValue(number, wire, data[tag:])
		}
		if n < 0 {
			return false, nil
		}
		f := p.byField(number)
		switch {
		case f == nil:
			c.Memory += growing(int64(tag + n)) // unknown fields are kept
		case f.kind == numeric && f.list && wire == protowire.BytesType:
			err = c.packed(f, value, found)
		case f.wire != wire:
			c.Memory += growing(int64(tag + n))
		case f.kind == message || f.kind == entry:
			ok, err = c.nested(f, value, found, depth)
			if !ok {
				return false, err
			}
		default:
			err = c.scalar(f, value, found, depth)
		}
		if err != nil {
			return false, err
		}
		data = data[tag+n:]
	}
	return true, nil
}

// nested counts a message in a message that is nested depth deep, or an entry of a map.
func (c *binaryCounter) nested(f *field, value []byte, found counts, depth int) (ok bool, err *limitError) {
	if err := found.add(f, 1, &c.total); err != nil {
		return false, err
	}
	if f.list {
		c.Memory += growing(8) // a pointer
	}
	if ok, err = c.message(PlanOf(f.of), value, depth+1); err != nil {
		return false, err.within(f, found[f.index]-1)
	}
	return ok, nil
}

// packed counts the numbers of a packed list.
func (c *binaryCounter) packed(f *field, value []byte, found counts) *limitError {
	n := int64(len(value))
	switch f.wire {
	case protowire.Fixed32Type:
		n /= 4
	case protowire.Fixed64Type:
		n /= 8
	default: // the last byte of each number has no continuation bit
		for _, b := range value {
			n -= int64(b >> 7)
		}
	}
	c.Memory += n * f.width
	return found.add(f, n, &c.total)
}

// scalar counts a number, a string or bytes.
func (c *binaryCounter) scalar(f *field, value []byte, found counts, depth int) *limitError {
	size := int64(len(value))
	switch {
	case f.kind == numeric && f.list:
		c.Memory += growing(f.width)
	case f.kind == numeric && f.choice:
		c.Memory += choiceBytes
	case f.kind == numeric:
	case depth == 0 && f.bytes && len(value) >= c.alias:
		c.Aliased += size
		c.Memory += textBytes
	case f.joined:
		c.Memory += growing(textBytes) + 2*size + prefixBytes
	case f.list:
		c.Memory += growing(textBytes) + size
	default:
		c.Memory += textBytes + size
	}
	return found.add(f, 1, &c.total)
}
