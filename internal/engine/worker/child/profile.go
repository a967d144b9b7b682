package child

import (
	"bytes"
	"fmt"
	"runtime/pprof"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine/worker/control"
)

// profile takes a profile of the process. One CPU profile is taken at a time.
func (s *server) profile(id uint64, request *control.Profile) {
	var profile bytes.Buffer
	if err := takeProfile(&profile, request); err != nil {
		s.finish(id, err)
		return
	}
	s.answer(control.Response{ID: id, Profile: profile.Bytes()})
}

func takeProfile(profile *bytes.Buffer, request *control.Profile) error {
	if request.Name == "cpu" {
		if err := pprof.StartCPUProfile(profile); err != nil {
			return err
		}
		<-time.After(request.Duration)
		pprof.StopCPUProfile()
		return nil
	}
	found := pprof.Lookup(request.Name)
	if found == nil {
		return fmt.Errorf("no profile %q: give cpu or a profile of runtime/pprof, such as goroutine or heap", request.Name)
	}
	return found.WriteTo(profile, request.Debug)
}
