//go:build linux

package channel

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// groupMessage returns an answer for a group with these parts.
func groupMessage(count uint64, parts ...[]byte) []byte {
	area := make([]byte, areaSize)
	header := answer{kind: kindGroup, needed: count}
	header.append(area[:0])
	group := newGroupWriter(area, answerHeader, len(parts))
	for _, part := range parts {
		group.add(copy(group.room(), part))
	}
	return area[:group.length()]
}

func TestHostileGroups(t *testing.T) {
	t.Parallel()
	good := message(kindDone, 0)
	lengths := groupMessage(2, good, good)
	binary.LittleEndian.PutUint32(lengths[answerHeader+4:], math.MaxUint32)
	badBytes := append(message(kindDone, 0, descriptor{dataType: tensor.Bytes, shape: tensor.Shape{1}, offset: 52, length: 8}), 5, 0, 0, 0, 1, 2, 3, 4)
	for name, test := range map[string]struct {
		answer []byte
		want   string
	}{
		"a single run":        {answer: message(kindDone, 0), want: "for a group of 2"},
		"more":                {answer: message(kindMore, 10), want: "for a group of 2"},
		"too few":             {answer: groupMessage(1, good), want: "with 1 results"},
		"too many":            {answer: groupMessage(math.MaxUint64, good, good), want: "for a group of 2"},
		"truncated":           {answer: groupMessage(2, good, good)[:answerHeader+7], want: "truncated"},
		"without parts":       {answer: groupMessage(2, good, good)[:64], want: "part 0"},
		"length":              {answer: lengths, want: "part 1 has 4294967295 bytes"},
		"a group in a group":  {answer: groupMessage(2, good, groupMessage(1, good)), want: "a group in a group"},
		"an unknown kind":     {answer: groupMessage(2, good, message(kindRun, 0)), want: "unknown answer"},
		"an unknown segment":  {answer: groupMessage(2, good, message(kindDone, 0, uint8Tensor(2, 0, 1, 1))), want: "segment 2 is not part"},
		"beyond its part":     {answer: groupMessage(2, message(kindDone, 0, uint8Tensor(0, 64, 20, 20)), message(kindDone, 0, uint8Tensor(0, 0, 1, 1))), want: "exceed"},
		"length of a BYTES":   {answer: groupMessage(2, good, badBytes), want: "output 0"},
		"an error's own kind": {answer: groupMessage(2, good, []byte{4, 0, 0, 0, 99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), want: "code 99"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := startHostile(t, Options{}, func(_ int, sl slotMemory) int { return copy(sl.answerArea, test.answer) })
			_, err := h.RunGroup(t.Context(), 1, [][]tensor.Tensor{{}, {}})
			if !errors.Is(err, ErrProtocol) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
	h := startHostile(t, Options{}, func(_ int, sl slotMemory) int { return copy(sl.answerArea, groupMessage(1, good)) })
	if _, err := h.Run(t.Context(), 1, nil); !errors.Is(err, ErrProtocol) {
		t.Errorf("a group as the answer to a run: %v", err)
	}
}

// FuzzGroup checks that what is accepted of an arbitrary answer to a group is valid, and no
// larger than the answer.
func FuzzGroup(f *testing.F) {
	good := message(kindDone, 0, uint8Tensor(0, 0, 8, 8))
	f.Add(groupMessage(1, good))
	f.Add(groupMessage(3, good, message(kindMore, 1), message(kindDone, 0)))
	f.Fuzz(func(t *testing.T, message []byte) {
		a, err := parseAnswer(message)
		if err != nil || a.kind != kindGroup {
			return
		}
		results, err := groupResults(message, &a, int(min(a.needed, maxGroup)))
		if err != nil {
			return
		}
		total := 0
		for _, result := range results {
			if result == nil {
				continue
			}
			for _, out := range result.Outputs {
				if total += len(out.Data); out.DataType == tensor.Invalid {
					continue
				}
				if err := out.Validate(); err != nil {
					t.Error(err)
				}
			}
		}
		if total > len(message) {
			t.Errorf("%d bytes of %d", total, len(message))
		}
	})
}
