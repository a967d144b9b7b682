package scheduler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// The checks of CheckBatching that a model can fail.
var (
	// errRows: an output does not have as many rows as the inputs.
	errRows = errors.New("the first dimension of an output is not the batch")
	// errContent: the rows of a batch are not those of the requests alone.
	errContent = errors.New("a row of a batch differs from the same row alone")
	// errNoProof: no synthetic rows were computed.
	errNoProof = errors.New("the batch dimension is not proven")
)

// CheckBatching reports whether a batch of rows gives each request its own rows. nil: it
// does; otherwise the error is the reason why not.
//
// The sizes of the outputs must not follow from values: one request could have two rows
// and another none, and a batch of both would have the right sum. In addition the names of
// the dimensions or a run must prove that the first dimension of every output is that of
// the inputs. The run computes synthetic rows alone and as a batch of up to maxRows; ctx
// ends it.
func CheckBatching(ctx context.Context, session engine.Session, maxRows int) error {
	signature := session.Signature()
	for i := range signature.Outputs {
		if out := &signature.Outputs[i]; out.DataType != tensor.Invalid && out.Sizes == engine.SizesFromValues {
			return fmt.Errorf("%w: the size of output %q depends on values of the inputs, because of an operator such as NonZero", errNoProof, out.Name)
		}
	}
	sizes := []int64{1, imageSize}
	if batchNames(signature) == sharedName {
		// Dimensions of a name that may be the batch's have other sizes than one row: a size
		// of 1 would be broadcast, and so prove nothing for requests of several rows.
		sizes[0] = 2
	}
	var err error
	for _, dynamic := range sizes {
		p := batchProof{ctx: ctx, session: session, dynamic: dynamic}
		if err = p.run(min(maxRows, len(rowFills))); !errors.Is(err, errNoProof) {
			break
		}
	}
	// A name is the author's statement, which the operators do not contradict. Rows may then
	// differ slightly from those alone, as with dynamic quantization.
	if batchNames(signature) == ownName && sizesFromShapes(signature) && !errors.Is(err, errRows) {
		return nil
	}
	return err
}

// rowFills are the contents of the synthetic rows.
var rowFills = []fill{ones, {high: 1, most: 2}, {low: -2, high: 2, most: 2}, zeros, {high: 100, most: 3}, {low: -1, most: 1}}

// batchProof runs synthetic rows alone, and then as one batch.
type batchProof struct {
	ctx     context.Context
	session engine.Session
	dynamic int64
	// rows have been computed alone, with these results.
	rows  []*entry
	alone []*engine.Result
}

// run returns nil when a batch of 2 to maxRows rows is equal to the rows alone.
func (p *batchProof) run(maxRows int) error {
	var failure error
	for _, f := range rowFills {
		err := p.row(f)
		if errors.Is(err, errRows) {
			return err
		}
		failure = errors.Join(failure, err)
	}
	if len(p.rows) < 2 {
		return errors.Join(fmt.Errorf("%w: fewer than two different synthetic rows were computed", errNoProof), failure)
	}
	p.rows = p.rows[:min(len(p.rows), maxRows)]
	var g gatherer
	inputs, rows := g.gather(p.rows)
	result, err := p.session.Run(p.ctx, inputs)
	if err != nil {
		return fmt.Errorf("%w: a batch of %d synthetic rows fails: %w", errNoProof, rows, err)
	}
	if err := checkOutputs(p.session.Signature(), result); err != nil {
		return fmt.Errorf("%w: %w", errRows, err)
	}
	answers, err := scatter(result, p.session.Signature(), p.rows, rows)
	if err != nil {
		return fmt.Errorf("%w: %w", errRows, err)
	}
	return p.compare(answers)
}

// row runs one row alone, and keeps it when it differs from the previous ones. An errRows
// is a result that is not one row.
func (p *batchProof) row(f fill) error {
	signature := p.session.Signature()
	inputs := synthetic(signature, openShapes(signature, p.dynamic), f)
	if inputs == nil || slices.ContainsFunc(p.rows, func(e *entry) bool { return sameData(e.inputs, inputs) }) {
		return nil
	}
	if rowsOf(signature, inputs) != 1 {
		return fmt.Errorf("%w: the inputs have no batch dimension", errRows)
	}
	result, err := p.session.Run(p.ctx, inputs)
	if err != nil {
		return err
	}
	e := &entry{inputs: inputs, rows: 1}
	if err := checkOutputs(signature, result); err != nil {
		return fmt.Errorf("%w: %w", errRows, err)
	}
	if _, err := scatter(result, signature, []*entry{e}, 1); err != nil {
		return fmt.Errorf("%w: %w", errRows, err)
	}
	p.rows, p.alone = append(p.rows, e), append(p.alone, result)
	return nil
}

// compare compares the rows of the batch with the rows alone.
func (p *batchProof) compare(answers []answer) error {
	for i := range answers {
		for o, out := range answers[i].result.Outputs {
			name := p.session.Signature().Outputs[o].Name
			alone := p.alone[i].Outputs[o]
			if out.DataType == tensor.Invalid {
				continue
			}
			if !slices.Equal(out.Shape, alone.Shape) {
				return fmt.Errorf("%w: output %q has shape %v in a batch, and %v alone", errRows, name, out.Shape, alone.Shape)
			}
			if !sameValues(out, alone) {
				return fmt.Errorf("%w: output %q", errContent, name)
			}
		}
	}
	return nil
}

func sameData(a, b []tensor.Tensor) bool {
	return slices.EqualFunc(a, b, func(a, b tensor.Tensor) bool { return bytes.Equal(a.Data, b.Data) })
}

// sameValues compares floats with a tolerance, because runtimes add in another order for
// other sizes, and everything else exactly. The tolerance is relative to the largest value.
func sameValues(a, b tensor.Tensor) bool {
	tolerance := 1e-3
	switch a.DataType {
	case tensor.FP16, tensor.BF16:
		tolerance = 2e-2
	case tensor.FP32, tensor.FP64:
	default:
		return bytes.Equal(a.Data, b.Data)
	}
	x, errX := tensor.Float32s(a)
	y, errY := tensor.Float32s(b)
	if errX != nil || errY != nil {
		return false
	}
	largest := 0.0
	for _, v := range y {
		if v := math.Abs(float64(v)); v > largest && !math.IsInf(v, 0) {
			largest = v
		}
	}
	return slices.EqualFunc(x, y, func(x, y float32) bool {
		return x == y || (x != x && y != y) || math.Abs(float64(x)-float64(y)) <= tolerance*largest
	})
}
