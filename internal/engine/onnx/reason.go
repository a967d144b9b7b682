package onnx

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// maxReason bounds a message of the runtime, in bytes. It may quote the model's names and the
// strings of a request, and the time to clean it grows with the square of its length.
const maxReason = 8 << 10

// shortened returns the beginning and the end of a message that is longer than maxReason: the
// beginning has the operator, and the end the reason.
func shortened(message string) string {
	if len(message) <= maxReason {
		return message
	}
	const half = maxReason / 2
	return strings.ToValidUTF8(message[:half], "") + " ... " + strings.ToValidUTF8(message[len(message)-half:], "")
}

// publicReason returns a message of the runtime without the paths of the repository, and
// without the paths and functions of the runtime's source, which clients must not see. It is
// shortened. path is the model's file.
func publicReason(message, path string) string {
	spellings := []string{path}
	if absolute, err := filepath.Abs(path); err == nil {
		spellings = append(spellings, absolute)
		if resolved, err := filepath.EvalSymlinks(absolute); err == nil {
			spellings = append(spellings, resolved)
		}
	}
	// Longest first: the others may be a part of it.
	slices.SortFunc(spellings, func(a, b string) int { return len(b) - len(a) })
	reason := withoutLocations(shortened(message))
	for _, s := range spellings {
		reason = strings.ReplaceAll(reason, s, filepath.Base(path))
		// The version's directory, the model's and the repository's.
		for dir, level := filepath.Dir(s), 0; level < 3 && dir != filepath.Dir(dir); dir, level = filepath.Dir(dir), level+1 {
			reason = withoutDir(reason, dir)
		}
	}
	reason = strings.NewReplacer("onnxruntime::", "", "ONNX_NAMESPACE::", "").Replace(reason)
	return withRemedy(strings.TrimSpace(reason))
}

// localeText is in the runtime's messages about a missing locale. StringNormalizer and
// others need one, which slim systems and images lack.
const localeText = "Failed to construct locale with name:"

// withRemedy adds what to do where the runtime's message does not say it.
func withRemedy(reason string) string {
	if strings.HasSuffix(reason, "Status Message:") {
		return reason + " the runtime gives no reason; an input may be empty, or of another shape than the operator takes"
	}
	_, rest, found := strings.Cut(reason, localeText)
	if !found {
		return reason
	}
	name, _, _ := strings.Cut(rest, ":")
	return fmt.Sprintf("%s: install the locale %s on the server (on Debian the package locales-all, or locales and a command such as `localedef -i en_US -f UTF-8 en_US.UTF-8`), or export the model with the locale \"C\"", reason, name)
}

// withoutDir removes a directory from a message: as a prefix of paths, and in quotes,
// where its base name remains.
func withoutDir(message, dir string) string {
	message = strings.ReplaceAll(message, dir+string(filepath.Separator), "")
	return strings.ReplaceAll(message, `"`+dir+`"`, `"`+filepath.Base(dir)+`"`)
}
