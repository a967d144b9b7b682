package setting_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

func TestErrorsNameSettings(t *testing.T) {
	cause := errors.New("no such file")
	tooLarge := setting.Errorf("message has %d bytes, %s is %d", 9, setting.MaxMessageBytes, 8)
	tests := map[string]struct {
		err         error
		plain, flag string
	}{
		"no setting": {
			err:   cause,
			plain: "no such file",
			flag:  "no such file",
		},
		"one setting": {
			err:   tooLarge,
			plain: "message has 9 bytes, max-message-bytes is 8",
			flag:  "message has 9 bytes, --max-message-bytes is 8",
		},
		"wrapped": {
			err:   fmt.Errorf("infer: %w", tooLarge),
			plain: "infer: message has 9 bytes, max-message-bytes is 8",
			flag:  "infer: message has 9 bytes, --max-message-bytes is 8",
		},
		"joined, with a cause": {
			err:   errors.Join(setting.Errorf("%s: %w", setting.TLSCert, cause), tooLarge),
			plain: "tls-cert: no such file\nmessage has 9 bytes, max-message-bytes is 8",
			flag:  "--tls-cert: no such file\nmessage has 9 bytes, --max-message-bytes is 8",
		},
		"nested": {
			err:   setting.Errorf("%s: %w", setting.Models, tooLarge),
			plain: "models: message has 9 bytes, max-message-bytes is 8",
			flag:  "--models: message has 9 bytes, --max-message-bytes is 8",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.err.Error(); got != test.plain {
				t.Errorf("plain: %q, want %q", got, test.plain)
			}
			if got := setting.Text(test.err, setting.Flag); got != test.flag {
				t.Errorf("rendered: %q, want %q", got, test.flag)
			}
		})
	}
}

func TestErrorsKeepTheirCauseAndKeys(t *testing.T) {
	err := fmt.Errorf("start: %w", setting.Errorf("%s and %s: %w", setting.TLSCert, setting.TLSKey, os.ErrNotExist))
	if !errors.Is(err, os.ErrNotExist) {
		t.Error("the cause is lost")
	}
	named, ok := errors.AsType[*setting.Error](err)
	if !ok {
		t.Fatal("no setting.Error in the chain")
	}
	if want := []setting.Key{setting.TLSCert, setting.TLSKey}; !slices.Equal(named.Keys(), want) {
		t.Errorf("keys %v, want %v", named.Keys(), want)
	}
}
