package vision

import (
	"slices"
	"testing"
)

// Each processor is supported or not, and the names are those without suffixes, by which
// they are found.
func TestProcessorsAreClassifiedOnce(t *testing.T) {
	for i, name := range unsupportedFamilies {
		if _, ok := families[name]; ok || slices.Contains(unsupportedFamilies[:i], name) {
			t.Errorf("%s is classified twice", name)
		}
	}
	for _, name := range slices.Concat(unsupportedFamilies, audioExtractors) {
		for _, suffix := range []string{"", "ImageProcessor", "ImageProcessorFast", "ImageProcessorPil", "FeatureExtractor"} {
			if got := processorName(name + suffix); got != name {
				t.Errorf("%s is found as %s", name+suffix, got)
			}
		}
	}
	for _, name := range audioExtractors {
		if _, ok := families[name]; ok || slices.Contains(unsupportedFamilies, name) {
			t.Errorf("%s is an image processor too", name)
		}
	}
}
