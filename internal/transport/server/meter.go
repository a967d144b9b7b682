package server

import (
	"context"
	"errors"
	"io"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/rpcfast"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// HeldTimes is how many copies of a message are in memory at once, and so what is reserved for it
// before it is read: the bytes that arrived, which Connect collects in a buffer, and what they were
// decoded to. REST has the body and the tensors of its JSON. A message that takes more when it is
// decoded reserves the rest then.
const HeldTimes = 2

// meter reserves memory for the messages of one request.
type meter struct {
	account *admission.Account
	pace    *pace
	dropper dropper
	limit   int64 // of a message, in bytes
	// wait reserves for a message of a stream after its first, and blocks until there is
	// room. Until then the message is not read, and flow control stops the sender. nil: no
	// message of the request is answered before the last has arrived, so that none may
	// wait.
	wait  func(size int64) error
	begun bool
}

// message reserves for a message of size bytes that is not read yet.
func (m *meter) message(size int64, compressed bool) error {
	if size > m.limit {
		return wire.TooLarge(size, m.limit)
	}
	if fits := m.account.MaxMessage(); size > fits {
		return wire.TooLargeFor(setting.MemoryBudget, size, fits)
	}
	later := m.begun
	m.begun = true
	size = m.size(size, compressed)
	switch {
	case later && m.wait != nil:
		if err := m.wait(size); err != nil {
			return waitError(err)
		}
	case !m.account.TryAdd(size):
		return budgetExhausted()
	}
	m.pace.transfer.Begin(m.account, m.pace.rate, m.pace)
	return nil
}

// moved counts n bytes of the message. last: no more follow. The error is that of a request which
// was ended for others.
func (m *meter) moved(n int, last bool) error {
	m.pace.transfer.Moved(n)
	if m.pace.interrupted.Load() || last && !m.pace.transfer.End() {
		return budgetRevoked()
	}
	return nil
}

// revoked releases the memory of a request that was ended for others, and drops the rest of its
// message: left bytes, or an unknown number.
func (m *meter) revoked(body io.Reader, left int64) {
	m.pace.transfer.End()
	m.account.Close()
	m.pace.resume()
	m.dropper.drop(body, left)
}

// size returns what is reserved for so many bytes. What a compressed message decompresses to
// is known only afterwards, all at once: the maximum is reserved before, and the excess is
// released after. Less would let clients with small bodies make the server allocate what it
// has not reserved. An estimate is at most the whole budget.
func (m *meter) size(size int64, compressed bool) int64 {
	if !compressed {
		return size
	}
	return min(size+min(size*wire.MaxInflation, m.limit), m.account.MaxMessage())
}

func budgetExhausted() error {
	return rpcfast.MemoryError(&admission.ExhaustedError{})
}

// waitError returns the client's error for the end of a wait for memory.
func waitError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return connect.Errorf(connect.CodeDeadlineExceeded, "deadline exceeded while the stream waited for memory (%s)", setting.MemoryBudget).WithCause(err)
	}
	if err != nil {
		return connect.NewError(connect.CodeCanceled, "client disconnected").WithCause(err)
	}
	return nil
}
