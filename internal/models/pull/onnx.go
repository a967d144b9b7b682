package pull

import (
	"fmt"

	"github.com/tensorwire/tensorwire/internal/base/modelformat"
)

// checkONNX checks the beginning of a file, one byte or more. The error is an
// ErrNotModel for other content: a web page, an archive, a pointer of Git LFS.
func checkONNX(beginning []byte) error {
	if format, ok := modelformat.Recognize(beginning); ok {
		return fmt.Errorf("%w: it is %s: %s", ErrNotModel, format.Name, format.Remedy)
	}
	if modelformat.MayBeONNX(beginning) {
		return nil
	}
	return fmt.Errorf("%w: it begins with %q: use the URL of the file itself, not of a page, an archive or a pointer", ErrNotModel, beginning[:min(len(beginning), 24)])
}
