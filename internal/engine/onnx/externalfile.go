package onnx

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// errNotFile reports external data in a pipe, a socket or a device.
var errNotFile = errors.New("the model refers to something that is not a file")

// checkFile rejects external data that is not a regular file: ONNX Runtime would wait for
// the writer of a pipe. It accepts a file that does not exist, which the runtime reports, and
// everything where the model does not come from a file.
func (d *decoder) checkFile(tensor, location string) error {
	model, ok := d.seeker.(*os.File)
	if !ok {
		return nil
	}
	info, err := os.Stat(filepath.Join(filepath.Dir(model.Name()), location))
	if err != nil || info.Mode().IsRegular() {
		return nil //nolint:nilerr // see above
	}
	return fmt.Errorf("%w: the external data of tensor %q is at %q: put a file there", errNotFile, tensor, location)
}
