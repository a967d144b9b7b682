package admission

import (
	"context"
	"errors"
	"math"
	"sync"
)

// ErrClosed reports that the request of an Account has ended.
var ErrClosed = errors.New("request has ended")

// Account is what one request has reserved of a Budget, message by message. The transport makes
// it, adds to it before it reads, and closes it when the request ends. A closed account holds
// nothing and accepts nothing, so that no budget leaks. It is safe for concurrent use.
//
// Its methods take the sizes of messages, and reserve the memory that the transport needs for a
// message of that size: a multiple by default, else what SetMemory returns.
type Account struct {
	budget *Budget
	conn   *Conn // whose share the reservations are of
	times  int64
	memory func(size int64) int64 // nil: times the size

	mu       sync.Mutex // for all below
	closed   bool
	messages []int64  // bytes reserved for each unanswered message, the oldest first
	first    [1]int64 // memory of messages: most requests have one
	grown    []int64  // what Grow added to each of messages; the newest may have no entry
	extra    int64    // bytes of Hold

	// Budget.mu guards the fields below.
	total   int64 // bytes reserved
	revoked bool  // the request is ended because others need its memory
}

// NewAccount returns an empty account of a budget, which may be nil, for a transport that has
// times copies of each message in memory.
func NewAccount(budget *Budget, times int64) *Account {
	a := &Account{budget: budget, times: times}
	if budget != nil {
		a.conn = budget.other.conn
	}
	return a
}

// NewAccountOf is NewAccount for a request on a connection.
func NewAccountOf(conn *Conn, times int64) *Account {
	return &Account{budget: conn.budget, conn: conn, times: times}
}

// SetMemory replaces the memory that the transport needs for a message, before the first is
// added. memory returns the message's size or somewhat more.
func (a *Account) SetMemory(memory func(size int64) int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.messages) == 0 {
		a.times, a.memory = 1, memory
	}
}

// held returns what is reserved for size bytes. A message that fits into the whole budget is not
// rejected because its memory is rounded up.
func (a *Account) held(size int64) int64 {
	if a.memory == nil {
		return size * a.times
	}
	n := a.memory(size)
	if limit := a.budget.Limit(); limit > 0 {
		n = max(min(n, limit), size)
	}
	return n
}

// MaxMessage returns the size of the largest message that fits into the whole budget.
func (a *Account) MaxMessage() int64 {
	if limit := a.budget.Limit(); limit > 0 {
		return limit / a.times
	}
	return math.MaxInt64
}

// TryAdd reserves for a new message of size bytes, if there is room now. It waits at most a second,
// where other requests are ended to make room.
func (a *Account) TryAdd(size int64) bool {
	n := a.held(size)
	return a.tryReserve(n) && a.keep(n) == nil
}

// tryReserve reserves n bytes if there is room now, or shortly because requests are ended for it.
// Else it counts a refused request.
func (a *Account) tryReserve(n int64) bool {
	return a.budget == nil || a.budget.tryReserve(a, n)
}

// release releases n bytes.
func (a *Account) release(n int64) {
	if a.budget != nil {
		a.budget.release(a, n)
	}
}

// Add reserves for a new message of size bytes, and waits for room until ctx is done. Its errors
// are those of [Budget.Reserve], and ErrClosed. Only a request whose earlier messages are answered
// without the new one may wait: otherwise requests could deadlock.
func (a *Account) Add(ctx context.Context, size int64) error {
	n := a.held(size)
	if a.budget != nil {
		if err := a.budget.reserve(ctx, a, n); err != nil {
			return err
		}
	}
	return a.keep(n)
}

// keep records n reserved bytes in the account.
func (a *Account) keep(n int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		a.release(n)
		return ErrClosed
	}
	if a.messages == nil {
		a.messages = a.first[:0]
	}
	a.messages = append(a.messages, n)
	return nil
}

// TryGrow reserves for size more bytes of the newest message, if there is room now.
func (a *Account) TryGrow(size int64) bool {
	n := a.held(size)
	if !a.tryReserve(n) {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || len(a.messages) == 0 {
		a.release(n)
		return false
	}
	a.messages[len(a.messages)-1] += n
	return true
}

// Settle lowers the reservation of the newest message to that of size bytes, once its size is
// known. It never raises the reservation.
func (a *Account) Settle(size int64) {
	n := a.held(size)
	a.mu.Lock()
	defer a.mu.Unlock()
	if last := len(a.messages) - 1; last >= 0 && n < a.messages[last] {
		a.release(a.messages[last] - n)
		a.messages[last] = n
	}
}

// Revoked reports whether the request is ended because others need its memory. Its error is
// retryable.
func (a *Account) Revoked() bool {
	if a.budget == nil {
		return false
	}
	a.budget.mu.Lock()
	defer a.budget.mu.Unlock()
	return a.revoked
}

// Answered releases the oldest message. Without one it does nothing.
func (a *Account) Answered() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.messages) > 0 {
		a.release(a.messages[0] + a.answeredLocked())
		if a.messages = a.messages[1:]; len(a.messages) == 0 {
			a.messages = nil
		}
	}
}

// Close releases all reservations. It may be called more than once.
func (a *Account) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for _, n := range a.messages {
		a.release(n)
	}
	a.release(a.closeLocked())
	a.messages = nil
}

type accountKey struct{}

// WithAccount returns a context that carries the account of its request.
func WithAccount(ctx context.Context, account *Account) context.Context {
	return context.WithValue(ctx, accountKey{}, account)
}

// Answered releases the oldest message of the request of ctx. Handlers of streams call it after
// each response: responses are in the order of the messages. Without an account it does nothing.
func Answered(ctx context.Context) {
	if account, ok := ctx.Value(accountKey{}).(*Account); ok {
		account.Answered()
	}
}

// SetMemory sets the memory for each message of the request of ctx, before the first is read; see
// [Account.SetMemory].
func SetMemory(ctx context.Context, memory func(size int64) int64) {
	if account, ok := ctx.Value(accountKey{}).(*Account); ok {
		account.SetMemory(memory)
	}
}

// Settle lowers the reservation of the newest message of the request of ctx to that of size bytes;
// see [Account.Settle].
func Settle(ctx context.Context, size int64) {
	if account, ok := ctx.Value(accountKey{}).(*Account); ok {
		account.Settle(size)
	}
}
