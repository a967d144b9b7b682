package child

import (
	"bytes"
	"context"

	"github.com/tensorwire/tensorwire/internal/engine/worker/control"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// profile takes a profile of the process.
func (s *server) profile(id uint64, request *control.Profile) {
	var profile bytes.Buffer
	if err := telemetry.WriteProfile(context.Background(), &profile, request.Name, request.Debug, request.Duration); err != nil {
		s.finish(id, err)
		return
	}
	s.answer(control.Response{ID: id, Profile: profile.Bytes()})
}
