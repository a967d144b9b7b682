package control_test

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/control"
)

// pipe returns the ends of a pipe: a Conn only needs deadlines.
func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// A signature distinguishes a dynamic rank (nil) from a scalar (empty), also after it has
// crossed.
func TestMessagesCrossUnchanged(t *testing.T) {
	r, w := pipe(t)
	want := control.Response{ID: 7, Signature: &engine.Signature{
		Inputs: []engine.TensorSpec{
			{Name: "x", DataType: tensor.FP32, Shape: tensor.Shape{tensor.Dynamic, 3}, DimNames: []string{"batch", ""}},
			{Name: "scalar", DataType: tensor.Int64, Shape: tensor.Shape{}, DimNames: []string{}},
		},
		Outputs: []engine.TensorSpec{{Name: "any rank", DataType: tensor.Bytes, Producer: "Softmax"}, {Name: "map"}},
	}}
	if err := control.NewConn(w).Write(want); err != nil {
		t.Fatal(err)
	}
	var got control.Response
	if err := control.NewConn(r).Read(&got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, %v; want %+v", got, err, want)
	}
}

func TestBadFramesAreRefused(t *testing.T) {
	frame := func(text string) []byte {
		return append(binary.LittleEndian.AppendUint32(nil, uint32(len(text))), text...)
	}
	for name, test := range map[string]struct {
		bytes []byte
		want  error
	}{
		"too long":         {binary.LittleEndian.AppendUint32(nil, control.MaxFrame+1), control.ErrFrame},
		"not JSON":         {frame("{"), control.ErrFrame},
		"another type":     {frame(`{"ID":"seven"}`), control.ErrFrame},
		"deeply nested":    {frame(strings.Repeat("[", 100_000)), control.ErrFrame},
		"ends in a frame":  {frame(`{"ID":7}`)[:7], io.ErrUnexpectedEOF},
		"ends in a length": {[]byte{1, 0}, io.ErrUnexpectedEOF},
		"ends":             {nil, io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			r, w := pipe(t)
			go func() {
				_, _ = w.Write(test.bytes) // the reader may refuse it before the end
				w.Close()
			}()
			if err := control.NewConn(r).Read(&control.Response{}); !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

func TestReadDeadline(t *testing.T) {
	r, _ := pipe(t)
	conn := control.NewConn(r)
	if err := conn.SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := conn.Read(&control.Hello{}); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}
