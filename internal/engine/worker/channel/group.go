package channel

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// maxGroup is the maximum number of runs in a group.
const maxGroup = 64

// minPart is the room in bytes that an answer without outputs and text needs in a group.
const minPart = alignment

var errGroup = errors.New("the group does not fit into a message")

// groupWriter writes the parts of a group behind the header in a message's area.
type groupWriter struct {
	area    []byte
	lengths []byte // in the area
	next    int    // offset of the next part
	left    int    // number of parts that are missing
}

// newGroupWriter returns a writer for count parts, from 1 to maxGroup.
func newGroupWriter(area []byte, header, count int) groupWriter {
	start := align(header + 4*count)
	return groupWriter{area: area, lengths: area[header : header+4*count], next: start, left: count}
}

// room returns the memory for the next part. It leaves minPart for each part after it.
func (g *groupWriter) room() []byte {
	end := len(g.area) - minPart*(g.left-1)
	return g.area[g.next:end:end]
}

// add adds the part that was written to room, with this length.
func (g *groupWriter) add(length int) {
	binary.LittleEndian.PutUint32(g.lengths, uint32(length))
	g.lengths = g.lengths[4:]
	g.next = align(g.next + length)
	g.left--
}

// length returns the length of the message.
func (g *groupWriter) length() int { return min(g.next, len(g.area)) }

// groupParts returns the parts of a group. They alias the message, which does not change.
func groupParts(message []byte, header int, count uint64) ([][]byte, error) {
	if count < 1 || count > maxGroup {
		return nil, fmt.Errorf("a group has %d parts, the limit is %d", count, maxGroup)
	}
	p := parser{rest: message}
	p.bytes(header)
	lengths := p.bytes(4 * int(count))
	if p.err != nil {
		return nil, p.err
	}
	parts, offset := make([][]byte, count), align(header+len(lengths))
	for i := range parts {
		length := int(binary.LittleEndian.Uint32(lengths[4*i:]))
		if offset > len(message) || length > len(message)-offset {
			return nil, fmt.Errorf("part %d has %d bytes at offset %d of %d", i, length, offset, len(message))
		}
		parts[i] = message[offset : offset+length : offset+length]
		offset = align(offset + length)
	}
	return parts, nil
}
