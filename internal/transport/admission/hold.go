package admission

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// MinHold is the size, in bytes, from which memory besides a message is reserved. Less is a part
// of what every call takes.
const MinHold = 16 << 10

// RetryWait is when a client that found no memory is asked to retry. Most reservations last less
// than a second.
const RetryWait = time.Second

// ExhaustedError is the error of a request for which there is no room in the budget now. Its
// method RetryAfter makes it an overload error; see package overload.
type ExhaustedError struct{}

// Error implements error. The text is for the client.
func (*ExhaustedError) Error() string {
	return fmt.Sprintf("request memory budget exhausted (%s): retry later", setting.MemoryBudget)
}

// RetryAfter returns the wait before a retry.
func (*ExhaustedError) RetryAfter() time.Duration { return RetryWait }

// Hold reserves n more bytes for the request of ctx: what it takes in memory besides its messages,
// such as its outputs until they are sent. It never waits: a request that has memory and waits for
// more could wait for others that do the same. Without room the error is an ExhaustedError, for
// more than the whole budget an ErrTooLarge. The reservation ends with release, which may be called
// more than once, or with the request. Less than MinHold, and a request without an account, reserve
// nothing. Hold is safe for concurrent use.
func Hold(ctx context.Context, n int64) (release func(), err error) {
	if n < MinHold {
		return func() {}, nil
	}
	account := accountOf(ctx)
	if account == nil {
		return func() {}, nil
	}
	if err := account.hold(n, account.addExtraLocked); err != nil {
		return nil, err
	}
	return sync.OnceFunc(func() { account.unhold(n) }), nil
}

// Grow reserves n more bytes for the newest message of the request of ctx, until that message is
// answered: what it takes in memory once it is decoded. It never waits, and has the errors of
// [Hold]. The goroutine that reads the messages calls it. Settle does not lower it.
func Grow(ctx context.Context, n int64) error {
	if n < MinHold {
		return nil
	}
	if account := accountOf(ctx); account != nil {
		return account.hold(n, account.addGrownLocked)
	}
	return nil
}

// hold reserves n bytes of the budget, and records them with add.
func (a *Account) hold(n int64, add func(n int64)) error {
	if !a.budget.tryExtend(a, n) {
		return a.noRoom(n)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		a.release(n)
		return ErrClosed
	}
	add(n)
	return nil
}

func (a *Account) addExtraLocked(n int64) { a.extra += n }

func (a *Account) addGrownLocked(n int64) {
	if len(a.messages) == 0 {
		a.extra += n // of a request whose body is empty, such as a GET
		return
	}
	for len(a.grown) < len(a.messages) {
		a.grown = append(a.grown, 0)
	}
	a.grown[len(a.messages)-1] += n
}

// unhold releases n bytes of Hold, unless Close has.
func (a *Account) unhold(n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.extra -= n
		a.release(n)
	}
}

// noRoom returns the error for n more bytes. A request that needs more than the whole budget by
// itself is not asked to retry.
func (a *Account) noRoom(n int64) error {
	a.budget.refuse()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.messages) == 1 {
		n += a.messages[0] + a.extra
		for _, grown := range a.grown {
			n += grown
		}
	}
	if err := a.budget.Check(n); err != nil {
		return setting.Errorf("request takes %w (%s): send a smaller request, request fewer outputs, or raise the setting", err, setting.MemoryBudget)
	}
	return &ExhaustedError{}
}

// answeredLocked returns how much the oldest message has grown, and forgets it.
func (a *Account) answeredLocked() int64 {
	if len(a.grown) == 0 {
		return 0
	}
	n := a.grown[0]
	if a.grown = a.grown[1:]; len(a.grown) == 0 {
		a.grown = nil
	}
	return n
}

// closeLocked returns what hold and grow have reserved, and forgets it.
func (a *Account) closeLocked() int64 {
	n := a.extra
	for _, grown := range a.grown {
		n += grown
	}
	a.extra, a.grown = 0, nil
	return n
}

// tryExtend is TryReserve for the account of a request that has reserved before. It overtakes those that wait:
// what such a request has becomes free only when it ends.
func (b *Budget) tryExtend(a *Account, n int64) bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.fitsLocked(n) {
		return false
	}
	b.takeLocked(a, n)
	return true
}

// accountOf returns the account of the request of ctx; nil: it has none.
func accountOf(ctx context.Context) *Account {
	account, _ := ctx.Value(accountKey{}).(*Account)
	return account
}
