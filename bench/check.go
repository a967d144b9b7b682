package main

import (
	"encoding/binary"
	"fmt"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// hasLength checks that the server has counted size bytes.
func hasLength(size int) func(*inference.ModelInferResponse) error {
	return func(res *inference.ModelInferResponse) error {
		raw := contentsOf(res)
		if len(raw) != 8 || binary.LittleEndian.Uint64(raw) != uint64(size) {
			return fmt.Errorf("the server has counted % x, not %d", raw, size)
		}
		return nil
	}
}

// hasSize checks that the answer has size bytes.
func hasSize(size int) func(*inference.ModelInferResponse) error {
	return func(res *inference.ModelInferResponse) error {
		if n := len(contentsOf(res)); n != size {
			return fmt.Errorf("the answer has %d bytes, not %d", n, size)
		}
		return nil
	}
}

// isPayload checks that the answer is payload, by its length, its ends, and a look at
// every 4 KiB: comparing all of it would be most of the client's work.
func isPayload(payload []byte) func(*inference.ModelInferResponse) error {
	return func(res *inference.ModelInferResponse) error {
		raw := contentsOf(res)
		if len(raw) != len(payload) {
			return fmt.Errorf("the answer has %d bytes, not %d", len(raw), len(payload))
		}
		for i := 0; i < len(raw); i += 4096 {
			if raw[i] != payload[i] {
				return fmt.Errorf("byte %d of the answer is %#x, not %#x", i, raw[i], payload[i])
			}
		}
		if last := len(raw) - 1; raw[last] != payload[last] {
			return fmt.Errorf("the last byte of the answer is %#x, not %#x", raw[last], payload[last])
		}
		return nil
	}
}

// contentsOf returns the raw contents of an answer's first output.
func contentsOf(res *inference.ModelInferResponse) []byte {
	if len(res.GetRawOutputContents()) == 0 {
		return nil
	}
	return res.GetRawOutputContents()[0]
}
