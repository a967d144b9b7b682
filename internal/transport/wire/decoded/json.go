package decoded

// JSON counts a message in Protobuf's JSON, and returns its large values in the order of the
// text. It accepts more than JSON: what it does not follow is not decoded either, because
// protojson reads in the same order. The error names the field that exceeds a limit, and is nil
// for malformed text.
func (p *Plan) JSON(text []byte) (Estimate, []Large, error) {
	c := jsonCounter{text: text}
	c.space()
	if _, err := c.message(p, 0); err != nil {
		return c.Estimate, nil, err
	}
	if rest := int64(len(text)); len(c.large) > 0 {
		for i := range c.large {
			rest -= int64(c.large[i].End - c.large[i].Begin)
		}
		c.Passing += rest // package messagejson reads it apart, from a copy
	}
	return c.Estimate, c.large, nil
}

// jsonCounter counts one message and all in it. Its methods return ok as false where the text is
// malformed, or of another type than the field.
type jsonCounter struct {
	Estimate
	text  []byte
	at    int
	total int64

	large []Large
	path  []Step // from the message to the current one
	maps  int    // the maps that enclose the current message
}

// message counts the members of a message, nested depth deep.
func (c *jsonCounter) message(p *Plan, depth int) (ok bool, err *limitError) {
	c.Memory += p.memory
	var few [usualFields]int64
	found := counts(few[:])
	if len(p.fields) > len(few) {
		found = make(counts, len(p.fields))
	}
	return c.object(depth, func(key []byte) (bool, *limitError) {
		at, known := p.byName[string(key)]
		if !known {
			return c.skip(depth + 1)
		}
		return c.member(&p.fields[at], found, depth+1)
	})
}

// member counts the value of a field.
func (c *jsonCounter) member(f *field, found counts, depth int) (ok bool, err *limitError) {
	switch first := c.peek(); {
	case first == '[' && f.list && f.kind != entry:
		if body := c.numbers(f); body != nil {
			return true, c.count(f, found, body)
		}
		index := -1
		return c.items(depth, func() (bool, *limitError) {
			index++
			return c.item(f, found, index, depth+1)
		})
	case first == '{' && f.kind == entry:
		value := &PlanOf(f.of).fields[valueIndex]
		return c.object(depth, func([]byte) (bool, *limitError) {
			c.Memory += entryBytes
			if err := found.add(f, 1, &c.total); err != nil {
				return false, err
			}
			c.maps++
			ok, err := c.item(value, make(counts, len(PlanOf(f.of).fields)), single, depth+1)
			c.maps--
			if err != nil {
				return false, err.within(f, 0)
			}
			return ok, nil
		})
	case first == '{' && f.kind == message && !f.list:
		return c.item(f, found, single, depth)
	case first == '"' && f.kind == text && !f.list:
		return c.item(f, found, single, depth)
	}
	return c.skip(depth)
}

// valueIndex is the index of the value among the two fields of a map's entry.
const valueIndex = 1

// item counts one value of a field: the one at index of a list, or a single one.
func (c *jsonCounter) item(f *field, found counts, index, depth int) (ok bool, err *limitError) {
	if err := found.add(f, 1, &c.total); err != nil {
		return false, err
	}
	begin := c.at
	if f.kind == message && c.peek() == '{' {
		if f.list {
			c.Memory += growing(8) // a pointer
		}
		c.path = append(c.path, Step{f.descriptor, index})
		ok, err = c.message(PlanOf(f.of), depth)
		c.path = c.path[:len(c.path)-1]
		if err != nil {
			return false, err.within(f, found[f.index]-1)
		}
		return ok, nil
	}
	if ok, err = c.skip(depth); !ok {
		return ok, err
	}
	size := int64(c.at - begin)
	if f.bytes {
		c.found(f, index, begin)
	}
	switch {
	case f.kind == numeric && f.list:
		c.Memory += growing(f.width)
	case f.kind == text && f.list:
		c.Memory += growing(textBytes)
	}
	if f.kind == text {
		c.Memory += size
		c.Passing += size // the text without escapes, where it encodes bytes
	}
	if f.joined {
		c.Memory += size + prefixBytes
	}
	return true, nil
}

// skip passes a value.
func (c *jsonCounter) skip(depth int) (ok bool, err *limitError) {
	switch c.peek() {
	case '"':
		_, _, ok = c.string()
		return ok, nil
	case '{':
		return c.object(depth, func([]byte) (bool, *limitError) { return c.skip(depth + 1) })
	case '[':
		return c.items(depth, func() (bool, *limitError) { return c.skip(depth + 1) })
	}
	begin := c.at // a number, true, false or null
	for c.at < len(c.text) && !isDelimiter(c.text[c.at]) {
		c.at++
	}
	return c.at > begin, nil
}

// object passes an object. member passes the value of each key.
func (c *jsonCounter) object(depth int, member func(key []byte) (bool, *limitError)) (ok bool, err *limitError) {
	return c.list('{', '}', depth, func() (bool, *limitError) {
		key, ok := c.key()
		if !ok {
			return false, nil
		}
		return member(key)
	})
}

// items passes an array.
func (c *jsonCounter) items(depth int, item func() (bool, *limitError)) (ok bool, err *limitError) {
	return c.list('[', ']', depth, item)
}

// list passes what is between two brackets and separated by commas.
func (c *jsonCounter) list(open, closing byte, depth int, part func() (bool, *limitError)) (ok bool, err *limitError) {
	if depth >= MaxDepth {
		return false, errDepth()
	}
	if !c.next(open) {
		return false, nil
	}
	if c.next(closing) {
		return true, nil
	}
	for {
		if ok, err := part(); !ok {
			return false, err
		}
		if !c.next(',') {
			return c.next(closing), nil
		}
	}
}
