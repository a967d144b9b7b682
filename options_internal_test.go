package tensorwire

import (
	"reflect"
	"testing"

	"github.com/spf13/pflag"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/config"
)

func TestZeroOptionsAreTheDefaults(t *testing.T) {
	t.Parallel()
	if got, want := (&Options{}).config(), config.Default(); !reflect.DeepEqual(got, want) {
		t.Errorf("zero options give %+v\nthe defaults are  %+v", got, want)
	}
}

// notOptions are the settings without a field, with the reason.
var notOptions = map[setting.Key]string{
	config.FileKey: "options replace the file",
	"http2":        "a program that wants net/http's HTTP/2 uses Handler",
	"log-level":    "Options.Logger decides",
	"log-format":   "Options.Logger decides",
}

// TestEveryFieldSetsItsSetting sets one field after the other, and compares the fields
// with the list of settings.
func TestEveryFieldSetsItsSetting(t *testing.T) {
	t.Parallel()
	for _, group := range config.New().Groups() {
		group.Flags.VisitAll(func(f *pflag.Flag) {
			key := setting.Key(f.Name)
			if notOptions[key] != "" {
				return
			}
			var options Options
			field := reflect.ValueOf(&options).Elem().FieldByName(fields[key])
			if !field.IsValid() {
				t.Errorf("setting %s has no field", key)
				return
			}
			switch field.Kind() {
			case reflect.String:
				field.SetString("x")
			case reflect.Bool:
				field.SetBool(true)
			case reflect.Slice:
				field.Set(reflect.ValueOf([]string{"x"}))
			case reflect.Float64:
				field.SetFloat(0.5)
			case reflect.Uint8:
				field.SetUint(1)
			default:
				field.SetInt(7)
			}
			if reflect.DeepEqual(options.config(), config.Default()) {
				t.Errorf("Options.%s sets nothing", fields[key])
			}
		})
	}
}
