package vision

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
)

// configReader reads keys of a configuration. Errors are sticky: after the first one
// the methods do nothing. A key that is absent or null leaves its destination
// unchanged.
type configReader struct {
	file string // for errors
	keys map[string]json.RawMessage
	err  error
}

func (c *configReader) present(key string) bool {
	raw, ok := c.keys[key]
	return ok && !bytes.Equal(raw, []byte("null"))
}

func (c *configReader) fail(format string, args ...any) {
	if c.err == nil {
		c.err = badConfig(c.file, format, args...)
	}
}

// found returns the value of key, shortened if it is long.
func (c *configReader) found(key string) string {
	const maxFound = 60
	found := strings.ToValidUTF8(string(c.keys[key]), "\ufffd")
	if len(found) > maxFound {
		found = strings.ToValidUTF8(found[:maxFound], "") + "..."
	}
	return found
}

// badValue sets the error for the value of key.
func (c *configReader) badValue(key, accepted string) {
	c.fail("%s is %s; it must be %s", key, c.found(key), accepted)
}

// read decodes key into dst.
func (c *configReader) read(key string, dst any, accepted string) {
	if c.err != nil || !c.present(key) {
		return
	}
	if json.Unmarshal(c.keys[key], dst) != nil {
		c.badValue(key, accepted)
	}
}

// number decodes a number that ok accepts.
func (c *configReader) number(key string, dst *float64, accepted string, ok func(float64) bool) {
	v := *dst
	c.read(key, &v, accepted)
	if c.err == nil && c.present(key) && !ok(v) {
		c.badValue(key, accepted)
	}
	*dst = v
}

// numbers decodes a number or a list of one to four, one for each channel.
func (c *configReader) numbers(key string, dst *[]float64) {
	const accepted = "a number, or a list of numbers with one for each channel"
	if c.err != nil || !c.present(key) {
		return
	}
	var one float64
	if json.Unmarshal(c.keys[key], &one) == nil {
		*dst = []float64{one}
		return
	}
	var many []*float64 // pointers distinguish null from zero
	c.read(key, &many, accepted)
	if c.err == nil && (len(many) < 1 || len(many) > 4 || slices.Contains(many, nil)) {
		c.badValue(key, accepted)
	}
	if c.err != nil {
		return
	}
	*dst = nil
	for _, v := range many {
		*dst = append(*dst, *v)
	}
}

// filter decodes a number of Pillow's Image.Resampling, or the name of a filter as timm
// and torchvision write it.
func (c *configReader) filter(key string, dst *Filter) {
	const accepted = "the number of a Pillow filter or its name: 0 nearest, 1 lanczos, 2 bilinear, 3 bicubic, 4 box, 5 hamming"
	var name string
	if c.present(key) && json.Unmarshal(c.keys[key], &name) == nil {
		f, ok := filterOf(name)
		if !ok {
			c.badValue(key, accepted)
			return
		}
		*dst = f
		return
	}
	v := float64(*dst)
	c.number(key, &v, accepted, func(v float64) bool { return v == math.Trunc(v) && v >= 0 && v < float64(filterCount) })
	if c.err == nil {
		*dst = Filter(v)
	}
}

// filterOf returns the filter of a name, such as "bicubic", "BICUBIC",
// "InterpolationMode.BICUBIC", "PILImageResampling.BICUBIC", or torchvision's
// "nearest-exact", which is Pillow's nearest.
func filterOf(name string) (Filter, bool) {
	name = strings.ToLower(name[strings.LastIndexByte(name, '.')+1:])
	if name == "nearest-exact" || name == "nearest_exact" {
		return Nearest, true
	}
	at := slices.Index(filterNames[:], name)
	return Filter(max(at, 0)), at >= 0
}

// isSide accepts a whole number of pixels.
func isSide(v float64) bool {
	return v == math.Trunc(v) && v >= 1 && v <= maxConfigSide
}

// size decodes the forms that transformers' get_size_dict accepts: an integer, a list
// of height and width, or an object. An integer is the shortest edge or the side of a
// square, depending on the processor.
func (c *configReader) size(key string, dst *Size, intIsShortest bool) {
	const accepted = `an integer, [height, width], {"height", "width"} or {"shortest_edge"} with or without "longest_edge", each from 1 to 16384 pixels`
	if c.err != nil || !c.present(key) {
		return
	}
	raw := c.keys[key]
	var (
		one    float64
		pair   []float64
		edges  map[string]*float64 // null is absent
		parsed Size
	)
	switch {
	case json.Unmarshal(raw, &one) == nil && isSide(one) && intIsShortest:
		parsed = shortest(int(one))
	case json.Unmarshal(raw, &one) == nil && isSide(one):
		parsed = square(int(one))
	case json.Unmarshal(raw, &pair) == nil && len(pair) == 2 && isSide(pair[0]) && isSide(pair[1]):
		parsed = Size{Height: int(pair[0]), Width: int(pair[1])}
	case json.Unmarshal(raw, &edges) == nil && sizeOf(edges, &parsed):
	default:
		c.badValue(key, accepted)
		return
	}
	*dst = parsed
}

// sizeOf reads a size object, and reports whether its keys are a valid combination.
func sizeOf(edges map[string]*float64, dst *Size) bool {
	var names []string
	sides := make(map[string]int, len(edges))
	for name, v := range edges {
		if v == nil {
			continue
		}
		if !isSide(*v) {
			return false
		}
		names, sides[name] = append(names, name), int(*v)
	}
	slices.Sort(names)
	switch {
	case slices.Equal(names, []string{"height", "width"}):
	case slices.Equal(names, []string{"shortest_edge"}):
	case slices.Equal(names, []string{"longest_edge", "shortest_edge"}):
	default:
		return false
	}
	*dst = Size{
		Width: sides["width"], Height: sides["height"],
		ShortestEdge: sides["shortest_edge"], LongestEdge: sides["longest_edge"],
	}
	return true
}
