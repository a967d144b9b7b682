package rpcfast

import (
	"bytes"
	"strings"

	"connectrpc.com/connect/v2"
)

// compressors are the compressions of responses.
type compressors struct {
	byName map[string]connect.Compressor
	// names is the value of the header fields that list them.
	names []string
}

func newCompressors(all []connect.Compressor) compressors {
	c := compressors{byName: map[string]connect.Compressor{}}
	var names []string
	for _, compressor := range all {
		if name := compressor.Name(); c.byName[name] == nil {
			c.byName[name] = compressor
			names = append(names, name)
		}
	}
	c.names = []string{strings.Join(names, ",")}
	return c
}

// choose returns the first compressor in a client's list, or nil. Weights are ignored, as in
// connecthttp.
func (c *compressors) choose(accept string) connect.Compressor {
	if accept == "" {
		return nil
	}
	for name := range strings.FieldsFuncSeq(accept, func(r rune) bool { return r == ',' || r == ' ' }) {
		if compressor := c.byName[name]; compressor != nil {
			return compressor
		}
	}
	return nil
}

// wanted reports whether a response with so many compressible bytes is compressed.
func (c *call) wanted(compressible int) bool {
	return c.compressor != nil && compressible > 0 && compressible >= c.compressMinBytes
}

// compress returns data in the call's compression, after prefix unused bytes.
func (c *call) compress(data []byte, prefix int) ([]byte, error) {
	out := bytes.NewBuffer(make([]byte, prefix, prefix+len(data)/2+64))
	w, err := c.compressor.Compress(out)
	if err != nil {
		return nil, connect.Errorf(connect.CodeUnknown, "get compressor: %s", err).WithCause(err)
	}
	_, err = w.Write(data)
	if closed := w.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, connect.Errorf(connect.CodeInternal, "compress: %s", err).WithCause(err)
	}
	return out.Bytes(), nil
}
