package repository

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/vision"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
)

// The files that accompany a model's, except those that config.pbtxt names.
const (
	settingsFile = "config.pbtxt"
	labelsFile   = "labels.txt"
	configFile   = vision.ModelConfigFile
	warmupDir    = "warmup"
)

// imageFiles may have the preprocessing of images, in order of precedence.
var imageFiles = []string{vision.ProcessorFile, vision.PreprocessorFile, configFile}

// settings is a model's configuration as last read. It is immutable.
type settings struct {
	config *inference.ModelConfig
	// platform is the one that config names, or the default.
	platform engine.Platform
	warnings []string
	err      error

	// from is the fingerprint of its file.
	from fingerprint
	// changed is the time of that file's last change.
	changed time.Time
	// given reports that it came with a request and not from a file, absent that there is
	// no file.
	given, absent bool
}

// readSettings reads config.pbtxt in a directory of root, unless known is up to date. Without
// the file, versions are served.
func readSettings(root *tree, dir string, known *settings, platforms engine.Platforms, versions Versions) *settings {
	if known != nil && known.given {
		return known
	}
	s := newSurvey(root, dir)
	s.file(settingsFile)
	from := s.sum()
	if known != nil && known.from == from && !transient(known.err) {
		return known
	}
	read := &settings{from: from, changed: s.newest}
	text, err := readFile(root, filepath.Join(dir, settingsFile), maxSideFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		read.config, read.absent = versions.config(), true
	case err != nil:
		read.err = err
	default:
		read.config, read.warnings, read.err = modelconfig.Parse(text, platforms)
	}
	read.platform = modelconfig.Platform(read.config, platforms)
	return read
}

// givenSettings returns the settings of a request's configuration, which is JSON.
func givenSettings(text []byte, platforms engine.Platforms) (*settings, error) {
	config, warnings, err := modelconfig.ParseJSON(text, platforms)
	if err != nil {
		return nil, err
	}
	return &settings{config: config, platform: modelconfig.Platform(config, platforms), warnings: warnings, from: sha256.Sum256(text), given: true}, nil
}

// modelFile returns the path of the model's file in a version's directory, unless that is a
// directory.
func (s *settings) modelFile() string {
	return filepath.FromSlash(modelconfig.ModelFile(s.config, s.platform))
}

// sideFiles returns the names, in the model's directory, of the files that all versions
// depend on.
func (s *settings) sideFiles() []string {
	names := append([]string{labelsFile}, imageFiles...)
	for _, output := range s.config.GetOutput() {
		if name := output.GetLabelFilename(); name != "" {
			names = append(names, name)
		}
	}
	return names
}
