package rpcfast_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// All tests detect reads of memory that was returned to the pool.
func TestMain(m *testing.M) {
	bufpool.Poison(true)
	goleak.VerifyTestMain(m)
}
