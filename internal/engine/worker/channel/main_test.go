//go:build linux

package channel_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/channel"
)

// workerVariable makes the test binary the worker of a channel, whose files are the first
// inherited descriptors.
const workerVariable = "TENSORWIRE_TEST_CHANNEL_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(workerVariable) == "" {
		os.Exit(m.Run())
	}
	w, err := channel.Attach([]*os.File{os.NewFile(3, "control"), os.NewFile(4, "socket")})
	if err == nil {
		err = w.Serve(runModel)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// The sessions of the worker.
const (
	echo      = iota + 1 // returns its inputs
	fill                 // returns UINT8 of the length in its INT64 input, each byte the input's second element
	untilDone            // waits for its context, and returns its error
	bad                  // returns an error of package engine: the sentinel at the index in its input
	crash                // ends the process
	sum                  // returns the sum of its inputs' bytes, with which it reads all of them
	sink                 // reads nothing and returns 8 bytes
	slow                 // echo, after the time in its input, in ms
	write                // tries to write to the memory of its input
)

var sentinels = []error{
	engine.ErrBadInput, engine.ErrRun, engine.ErrOutOfMemory, engine.ErrTooLarge, engine.ErrClosed,
	engine.ErrUnsupported, engine.ErrBadModel, engine.ErrTimeLimit, context.Canceled, context.DeadlineExceeded,
}

// runModel is the worker's engine.
func runModel(ctx context.Context, session uint64, inputs []tensor.Tensor) (*engine.Result, error) {
	switch session {
	case echo:
		return &engine.Result{Outputs: inputs, Timings: engine.Timings{Compute: time.Microsecond}}, nil
	case slow:
		values, _ := tensor.View[int64](inputs[0].Data)
		compute := time.Duration(values[0]) * time.Millisecond
		time.Sleep(compute)
		return &engine.Result{Outputs: inputs, Timings: engine.Timings{Compute: compute}}, nil
	case fill:
		values, _ := tensor.View[int64](inputs[0].Data)
		data := bytes.Repeat([]byte{byte(values[1])}, int(values[0]))
		return &engine.Result{Outputs: []tensor.Tensor{{DataType: tensor.Uint8, Shape: tensor.Shape{values[0]}, Data: data}}}, nil
	case untilDone:
		<-ctx.Done()
		return nil, ctx.Err()
	case bad:
		return nil, fmt.Errorf("%w: input %q", sentinels[inputs[0].Data[0]], "x")
	case crash:
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case sink:
		return &engine.Result{Outputs: []tensor.Tensor{{DataType: tensor.Uint64, Shape: tensor.Shape{}, Data: make([]byte, 8)}}}, nil
	case write:
		return nil, makeWritable(inputs[0].Data)
	case sum:
		total := uint64(0)
		for _, in := range inputs {
			for _, b := range in.Data {
				total += uint64(b)
			}
		}
		return &engine.Result{Outputs: []tensor.Tensor{{DataType: tensor.Uint64, Shape: tensor.Shape{}, Data: binary.LittleEndian.AppendUint64(nil, total)}}}, nil
	}
	return nil, errors.New("unknown session")
}

// process is a worker process and its channel.
type process struct {
	*channel.Server
	cmd   *exec.Cmd
	ended chan struct{}
}

// kill kills the process and waits until the channel has failed.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

var errDied = errors.New("the test's worker died")

// start starts a worker process. When it ends, the channel fails with errDied.
func start(t testing.TB, slots int, o channel.Options) *process {
	t.Helper()
	s, err := channel.Listen(slots, o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), workerVariable+"=1")
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = s.Files()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, f := range s.Files() {
		f.Close()
	}
	p := &process{Server: s, cmd: cmd, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		s.Fail(errDied)
		close(p.ended)
	}()
	t.Cleanup(p.kill)
	return p
}

// uint8s returns a tensor of n bytes with different values.
func uint8s(n int) tensor.Tensor {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i * 7)
	}
	return tensor.Tensor{DataType: tensor.Uint8, Shape: tensor.Shape{int64(n)}, Data: data}
}

// int64s returns a tensor of values.
func int64s(values ...int64) tensor.Tensor {
	return tensor.Tensor{DataType: tensor.Int64, Shape: tensor.Shape{int64(len(values))}, Data: tensor.AsBytes(values)}
}

// eventually waits until a state is reached.
func eventually(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !reached(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

// makeWritable returns the error of the attempt to make the pages of data writable.
func makeWritable(data []byte) error {
	page := os.Getpagesize()
	lead := int(uintptr(unsafe.Pointer(unsafe.SliceData(data))) % uintptr(page))
	pages := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(data)), -lead)), lead+len(data))
	if err := unix.Mprotect(pages, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		return fmt.Errorf("mprotect: %w", err)
	}
	return errors.New("the memory is writable")
}

// pointer returns the address of a slice's first byte.
func pointer(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }
