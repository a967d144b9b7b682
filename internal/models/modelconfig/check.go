package modelconfig

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// checkModel validates the fields of the model as a whole.
func checkModel(r *report, config *inference.ModelConfig, platforms engine.Platforms) {
	if n := config.GetMaxBatchSize(); n < 0 {
		r.problem("max_batch_size is %d: use 0 for a model without batching, or the maximum batch size", n)
	}
	if name := config.GetDefaultModelFilename(); name != "" && !isLocalPath(name) {
		r.problem("default_model_filename is %q: use a relative path in the version's directory, such as %q", name, Platform(config, platforms).ModelFile)
	}
	if specific := config.GetVersionPolicy().GetSpecific(); specific != nil {
		versions := specific.GetVersions()
		if len(versions) == 0 {
			r.problem("version_policy.specific has no versions: add versions, or remove version_policy to serve the newest")
		}
		if i := slices.IndexFunc(versions, func(v int64) bool { return v < 1 }); i >= 0 {
			r.problem("version_policy.specific.versions has %d: version numbers start at 1", versions[i])
		}
	}
}

// ioConfig is the common interface of inputs and outputs.
type ioConfig interface {
	comparable
	GetName() string
	GetDataType() inference.DataType
	GetDims() []int64
	GetReshape() *inference.ModelTensorReshape
}

// checkTensors validates inputs and outputs without the model.
func checkTensors(r *report, config *inference.ModelConfig) {
	checkIO(r, "input", config.GetInput())
	checkIO(r, "output", config.GetOutput())
	for i, in := range config.GetInput() {
		// Three dimensions, plus the batch dimension when dims include it.
		rank := len(in.GetDims())
		if in.GetFormat() != inference.ModelInput_FORMAT_NONE && rank != 0 && rank != 3 && (rank != 4 || config.GetMaxBatchSize() > 0) {
			r.problem("input[%s].format is %v and dims has %d dimensions: use the 3 dimensions of an image or remove format",
				elementName(in.ProtoReflect(), i), in.GetFormat(), rank)
		}
	}
	for i, out := range config.GetOutput() {
		if name := out.GetLabelFilename(); name != "" && !isLocalPath(name) {
			r.problem("output[%s].label_filename is %q: use a relative path in the model's directory, such as \"labels.txt\"", elementName(out.ProtoReflect(), i), name)
		}
	}
}

func checkIO[T ioConfig](r *report, kind string, list []T) {
	seen := make(map[string]bool, len(list))
	for i, io := range list {
		switch name := io.GetName(); {
		case name == "":
			r.problem("%s[%d].name is missing: set it to the name in the model", kind, i)
		case seen[name]:
			r.problem("%s %q is listed twice", kind, name)
		default:
			seen[name] = true
		}
		if j := slices.IndexFunc(io.GetDims(), func(d int64) bool { return d < -1 }); j >= 0 {
			r.problem("%s %q: dims has %d: use a size, or -1 for a dynamic dimension", kind, io.GetName(), io.GetDims()[j])
			continue
		}
		checkReshape(r, kind, io)
	}
}

// isLocalPath reports whether name is a slash-separated relative path below a directory. It
// does not resolve symbolic links: the function that opens the file must do so.
func isLocalPath(name string) bool {
	return name != "." && !strings.Contains(name, `\`) && path.Clean(name) == name && filepath.IsLocal(filepath.FromSlash(name))
}
