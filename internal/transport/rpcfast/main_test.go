package rpcfast_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// All tests see who looks at memory that was given back.
func TestMain(m *testing.M) {
	bufpool.Poison(true)
	goleak.VerifyTestMain(m)
}
