package admission

import (
	"context"
	"errors"
	"math"
	"sync"
)

// ErrClosed says that the request of an Account is over.
var ErrClosed = errors.New("the request is over")

// Account is what one request has reserved of a Budget, message by message. The
// transport makes it, adds to it before it reads, and closes it when the request is
// over, which is what keeps a budget from leaking: a closed account holds nothing,
// and never does again. It is safe for concurrent use.
//
// Its methods take the sizes of messages, and reserve what the transport holds for one of
// that size: by NewAccount a multiple, else what SetRoom says.
type Account struct {
	budget *Budget
	times  int64
	room   func(size int64) int64 // nil: times as much

	mu       sync.Mutex
	closed   bool
	messages []int64  // what is reserved for each that is not answered, the oldest first
	first    [1]int64 // memory of messages, which are mostly one
}

// NewAccount returns an empty account of a budget, which may be nil, for a transport
// that holds each message so many times.
func NewAccount(budget *Budget, times int64) *Account {
	return &Account{budget: budget, times: times}
}

// SetRoom changes what the transport holds for a message, before the first is added:
// room returns it, which is the message's size or somewhat more.
func (a *Account) SetRoom(room func(size int64) int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.messages) == 0 {
		a.times, a.room = 1, room
	}
}

// held returns what is reserved for size bytes. A message that fits into the whole budget
// is not refused for what it is rounded up to.
func (a *Account) held(size int64) int64 {
	if a.room == nil {
		return size * a.times
	}
	n := a.room(size)
	if limit := a.budget.Limit(); limit > 0 {
		n = max(min(n, limit), size)
	}
	return n
}

// MaxMessage returns the size of the largest message that fits into the budget at all.
func (a *Account) MaxMessage() int64 {
	if limit := a.budget.Limit(); limit > 0 {
		return limit / a.times
	}
	return math.MaxInt64
}

// TryAdd reserves for a new message of size bytes, if there is room for it now.
func (a *Account) TryAdd(size int64) bool {
	n := a.held(size)
	return a.tryReserve(n) && a.keep(n) == nil
}

// tryReserve reserves n bytes if there is room now; where there is not, the request is
// refused.
func (a *Account) tryReserve(n int64) bool {
	ok := a.budget.TryReserve(n)
	if !ok {
		a.budget.refuse()
	}
	return ok
}

// Add reserves for a new message of size bytes, and waits for room until ctx is done.
// Its errors are those of [Budget.Reserve], and ErrClosed. Only a request whose earlier
// messages are answered without the new one may wait: else all could wait for each
// other.
func (a *Account) Add(ctx context.Context, size int64) error {
	n := a.held(size)
	if err := a.budget.Reserve(ctx, n); err != nil {
		return err
	}
	return a.keep(n)
}

// keep puts what has been reserved on the account.
func (a *Account) keep(n int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		a.budget.Release(n)
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
		a.budget.Release(n)
		return false
	}
	a.messages[len(a.messages)-1] += n
	return true
}

// Settle lowers what is reserved for the newest message to what size bytes take, when
// it is known that they are no more. It does not raise it.
func (a *Account) Settle(size int64) {
	n := a.held(size)
	a.mu.Lock()
	defer a.mu.Unlock()
	if last := len(a.messages) - 1; last >= 0 && n < a.messages[last] {
		a.budget.Release(a.messages[last] - n)
		a.messages[last] = n
	}
}

// Answered releases the oldest message. Without one it does nothing.
func (a *Account) Answered() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.messages) > 0 {
		a.budget.Release(a.messages[0])
		if a.messages = a.messages[1:]; len(a.messages) == 0 {
			a.messages = nil
		}
	}
}

// Close releases all that is left. It may be called more than once.
func (a *Account) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for _, n := range a.messages {
		a.budget.Release(n)
	}
	a.messages = nil
}

type accountKey struct{}

// WithAccount returns a context that carries the account of its request.
func WithAccount(ctx context.Context, account *Account) context.Context {
	return context.WithValue(ctx, accountKey{}, account)
}

// Answered says that the oldest message of the request that ctx belongs to has been
// answered. Handlers of streams call it after each answer: answers are in the order of
// the messages. It does nothing where ctx has no account.
func Answered(ctx context.Context) {
	if account, ok := ctx.Value(accountKey{}).(*Account); ok {
		account.Answered()
	}
}

// SetRoom says what is held for each message of the request that ctx belongs to, before
// the first is read; see [Account.SetRoom].
func SetRoom(ctx context.Context, room func(size int64) int64) {
	if account, ok := ctx.Value(accountKey{}).(*Account); ok {
		account.SetRoom(room)
	}
}

// Settle says that the newest message of the request that ctx belongs to has no more
// than size bytes, once that is known; see [Account.Settle].
func Settle(ctx context.Context, size int64) {
	if account, ok := ctx.Value(accountKey{}).(*Account); ok {
		account.Settle(size)
	}
}
