package messagejson_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/transport/wire/decoded"
	"github.com/tensorwire/tensorwire/internal/transport/wire/messagejson"
)

var options = protojson.UnmarshalOptions{DiscardUnknown: true}

// unmarshal decodes text into m as the server does. found is the number of its large values.
func unmarshal(text []byte, m proto.Message) (found int, err error) {
	_, large, err := decoded.PlanOf(m.ProtoReflect().Descriptor()).JSON(text)
	if err != nil {
		return 0, err
	}
	return len(large), messagejson.Unmarshal(text, large, m, options, nil)
}

// repeat returns n copies of element, separated by commas.
func repeat(element string, n int) string {
	return strings.TrimSuffix(strings.Repeat(element+",", n), ",")
}

// TestUnmarshalIsProtojsons checks that the result and the error are protojson's, for
// any text of the large values.
func TestUnmarshalIsProtojsons(t *testing.T) {
	raw := bytes.Repeat([]byte{0xfb, 0xef, 0xff, 1}, 1000)
	standard, url := base64.StdEncoding.EncodeToString(raw[:3999]), base64.URLEncoding.EncodeToString(raw[:3999])
	predict := map[string]string{
		"numbers":          `{"tensorData":[` + repeat("0.25,-1e-3,3.4028235e38, 7", 1000) + `],"modelName":"m"}`,
		"proto's name":     `{"tensor_data" : [ ` + repeat("1", 3000) + ` ] , "width":3}`,
		"both names":       `{"tensor_data":[` + repeat("1", 3000) + `],"tensorData":[` + repeat("1", 3000) + `]}`,
		"twice":            `{"tensorData":[` + repeat("1", 3000) + `],"tensorData":[1]}`,
		"escaped name":     `{"tensor\u0044ata":[` + repeat("1", 3000) + `]}`,
		"NaN in quotes":    `{"tensorData":[` + repeat(`1`, 3000) + `,"NaN","-Infinity"]}`,
		"bare NaN":         `{"tensorData":[` + repeat(`1`, 3000) + `,NaN]}`,
		"bare Infinity":    `{"tensorData":[` + repeat(`1`, 3000) + `,Infinity]}`,
		"quoted":           `{"tensorData":[` + repeat(`"1.5"`, 3000) + `]}`,
		"null":             `{"tensorData":[` + repeat(`1`, 3000) + `,null]}`,
		"nested":           `{"tensorData":[[` + repeat(`1`, 3000) + `]]}`,
		"too large":        `{"tensorData":[` + repeat(`1`, 3000) + `,3.5e38]}`,
		"rounds down":      `{"tensorData":[` + repeat(`1`, 3000) + `,3.40282356e38]}`,
		"tiny":             `{"tensorData":[` + repeat(`1e-46,-0,-0.0,1e-400`, 3000) + `]}`,
		"leading zero":     `{"tensorData":[` + repeat(`1`, 3000) + `,01]}`,
		"plus":             `{"tensorData":[` + repeat(`1`, 3000) + `,+1]}`,
		"point":            `{"tensorData":[` + repeat(`1`, 3000) + `,1.]}`,
		"trailing comma":   `{"tensorData":[` + repeat(`1`, 3000) + `,]}`,
		"no comma":         `{"tensorData":[` + repeat(`1`, 3000) + ` 1]}`,
		"blank":            `{"tensorData":[` + strings.Repeat(" ", 3000) + `]}`,
		"not closed":       `{"tensorData":[` + repeat(`1`, 3000),
		"wrong bracket":    `{"tensorData":[` + repeat(`1`, 3000) + `}`,
		"not a list":       `{"tensorData":"` + standard + `"}`,
		"after it":         `{"tensorData":[` + repeat(`1`, 3000) + `],"width":"x"}`,
		"garbage":          `{"tensorData":[` + repeat(`1`, 3000) + `]}}`,
		"unknown field":    `{"other":[` + repeat(`1`, 3000) + `],"raw":"` + standard + `","modelName":"m"}`,
		"image":            `{"rawImage":"` + standard + `"}`,
		"URL's alphabet":   `{"rawImage":"` + url + `"}`,
		"both alphabets":   `{"rawImage":"` + standard + url + `"}`,
		"a slash in URL's": `{"rawImage":"` + url[:1000] + "/" + url[1001:] + `"}`,
		"a plus in URL's":  `{"rawImage":"` + url[:1000] + "+" + url[1001:] + `"}`,
		"a dash in std":    `{"rawImage":"` + standard[:1000] + "-" + standard[1001:] + `"}`,
		"no padding":       `{"rawImage":"` + base64.RawStdEncoding.EncodeToString(raw[:3998]) + `"}`,
		"bad padding":      `{"rawImage":"` + standard + `="}`,
		"escaped slash":    `{"rawImage":"` + strings.ReplaceAll(standard, "/", `\/`) + `"}`,
		"escaped newline":  `{"rawImage":"` + standard + `\n` + standard + `"}`,
		"newline":          `{"rawImage":"` + standard + "\n" + standard + `"}`,
		"carriage returns": `{"rawImage":"` + standard + "\r\r\r\r" + `"}`,
		"image, a number":  `{"rawImage":[` + repeat(`1`, 3000) + `]}`,
		"both":             `{"rawImage":"` + standard + `","tensorData":[` + repeat("0.1", 3000) + `],"shape":[1,"2"]}`,
		"integers":         `{"shape":[` + repeat("1234567890123456789", 20) + `]}`,
	}
	infer := map[string]string{
		"contents":  `{"inputs":[{"name":"a"},{"contents":{"fp32Contents":[` + repeat("0.1", 2000) + `]}},{"contents":{"fp64Contents":[` + repeat("0.1", 2000) + `]}}]}`,
		"null item": `{"inputs":[null,{"contents":{"fp32Contents":[` + repeat("0.1", 2000) + `]}}]}`,
		"raw":       `{"rawInputContents":["` + standard + `","","AQ==","` + url + `"]}`,
		"raw, null": `{"rawInputContents":["` + standard + `",null]}`,
		"bytes":     `{"inputs":[{"contents":{"bytesContents":["` + standard + `","` + standard + `"]}}]}`,
		"map":       `{"parameters":{"a":{"stringParam":"` + standard + `"}},"inputs":[{"parameters":{"b":{"int64Param":"7"}},"contents":{"intContents":[` + repeat("-7", 2000) + `]}}]}`,
	}
	for kind, values := range map[string][]string{
		"intContents": {"-2147483648", "2147483648", "1.0", "1e3", "-0", "0", "1.5"}, "int64Contents": {"-9223372036854775808", "9223372036854775808", `"5"`},
		"uintContents": {"4294967295", "4294967296", "-1", "-0", "1e2"}, "uint64Contents": {"18446744073709551615", "18446744073709551616", "-0"},
		"fp64Contents": {"1e308", "1e309", "4.9e-324"}, "boolContents": {"true", "0"},
	} {
		for _, value := range values {
			infer[kind+" "+value] = `{"inputs":[{"contents":{"` + kind + `":[` + repeat(value, 1500) + `]}}]}`
		}
	}
	for name, cases := range map[string]struct {
		texts map[string]string
		kind  proto.Message
	}{"Predict": {predict, &modelserving.InferenceRequest{}}, "ModelInfer": {infer, &inference.ModelInferRequest{}}} {
		for text, content := range cases.texts {
			t.Run(name+"/"+text, func(t *testing.T) { compare(t, []byte(content), cases.kind) })
		}
	}
}

// compare decodes text both ways. The texts of errors have spaces at random.
func compare(t *testing.T, text []byte, kind proto.Message) {
	t.Helper()
	got, want := kind.ProtoReflect().New().Interface(), kind.ProtoReflect().New().Interface()
	_, large, err := decoded.PlanOf(kind.ProtoReflect().Descriptor()).JSON(text)
	if err != nil {
		return // it exceeds a limit, and is not decoded
	}
	err = messagejson.Unmarshal(text, large, got, options, nil)
	wantErr := options.Unmarshal(text, want)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("the error is %v, want %v", err, wantErr)
	}
	if plain := strings.NewReplacer("\u00a0", "", " ", ""); err != nil && plain.Replace(err.Error()) != plain.Replace(wantErr.Error()) {
		t.Fatalf("the error is %q, want %q", err, wantErr)
	}
	if err == nil && !equal(t, got, want) {
		t.Fatal("the message is not protojson's")
	}
}

// equal compares encodings, in which NaN equals itself, and 0 not -0.
func equal(t *testing.T, a, b proto.Message) bool {
	t.Helper()
	var encoded [2][]byte
	for i, m := range []proto.Message{a, b} {
		data, err := (proto.MarshalOptions{Deterministic: true}).Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		encoded[i] = data
	}
	return bytes.Equal(encoded[0], encoded[1])
}

// TestLargeValuesAreFound checks that the fast path is taken where it is meant to be.
func TestLargeValuesAreFound(t *testing.T) {
	text := `{"inputs":[{},{"contents":{"fp32Contents":[` + repeat("0.1", 2000) + `]}}],"rawInputContents":["","` + strings.Repeat("AAAA", 1000) + `"]}`
	m := &inference.ModelInferRequest{}
	if found, err := unmarshal([]byte(text), m); found != 2 || err != nil {
		t.Errorf("%d large values are found, and the error is %v: want 2", found, err)
	}
	if n := len(m.GetInputs()[1].GetContents().GetFp32Contents()); n != 2000 {
		t.Errorf("the list has %d numbers, want 2000", n)
	}
	if n := len(m.GetRawInputContents()[1]); n != 3000 {
		t.Errorf("the bytes are %d, want 3000", n)
	}
}

func floats(n int) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(i) * 0.37
	}
	return values
}

// TestAppendIsRead checks that protojson reads what Append writes as the same message.
func TestAppendIsRead(t *testing.T) {
	large := bytes.Repeat([]byte("tensor"), 1000)
	special := floats(2000)
	special[7], special[8] = float32(math.NaN()), float32(math.Inf(-1))
	for name, m := range map[string]proto.Message{
		"empty":      &modelserving.InferenceResponse{},
		"small":      &modelserving.InferenceResponse{Predictions: []float32{1, 2}, Id: "x"},
		"numbers":    &modelserving.InferenceResponse{Predictions: floats(5000), Id: "x", Shape: []int64{5000}},
		"alone":      &modelserving.InferenceResponse{Predictions: floats(5000)},
		"NaN":        &modelserving.InferenceResponse{Predictions: special},
		"outputs":    &modelserving.InferenceResponse{Predictions: floats(5000), Outputs: []*modelserving.OutputTensor{{Name: "a", Data: large}, {Name: "b"}, nil, {Data: large[:3000], Datatype: "UINT8"}}},
		"raw":        &inference.ModelInferResponse{ModelName: "m", RawOutputContents: [][]byte{large, nil, {1}, large[1:]}},
		"in a oneof": &inference.ModelRepositoryParameter{ParameterChoice: &inference.ModelRepositoryParameter_BytesParam{BytesParam: large}},
		"in a map":   &inference.RepositoryModelLoadRequest{Parameters: map[string]*inference.ModelRepositoryParameter{"a": {ParameterChoice: &inference.ModelRepositoryParameter_BytesParam{BytesParam: large}}}},
		"typed":      &inference.ModelInferResponse{Outputs: []*inference.ModelInferResponse_InferOutputTensor{{Contents: &inference.InferTensorContents{Fp32Contents: floats(2000), BytesContents: [][]byte{large}}}}},
		"many":       &inference.ModelInferResponse{RawOutputContents: slices.Repeat([][]byte{large, {1}, large[2:]}, 300)},
		"image":      &modelserving.InferenceRequest{RawImage: large, TensorData: floats(3000)},
	} {
		t.Run(name, func(t *testing.T) {
			before := proto.Clone(m)
			text, err := messagejson.Append([]byte("before"), m, protojson.MarshalOptions{})
			if err != nil {
				t.Fatal(err)
			}
			got := m.ProtoReflect().New().Interface()
			if err := protojson.Unmarshal(text[len("before"):], got); err != nil {
				t.Fatalf("%v in %.200s", err, text)
			}
			// A nil message in a list is an empty one.
			want := m.ProtoReflect().New().Interface()
			if plain, err := protojson.Marshal(m); err != nil || protojson.Unmarshal(plain, want) != nil || !equal(t, got, want) {
				t.Errorf("another message is read, %v", err)
			}
			if !equal(t, m, before) {
				t.Error("Append changed the message")
			}
		})
	}
}

// FuzzUnmarshal compares the fast path with protojson. The input is repeated, so that it is
// large.
func FuzzUnmarshal(f *testing.F) {
	for _, seed := range []string{"0.1", "-7e-3", "1E+2", `"x"`, "[1]", "NaN", "18446744073709551616", "AAAA", "-_", "A=", "\\n", "1 2", "]", "}", "{}", "0x1"} {
		for field := range fuzzed {
			f.Add(seed, uint8(field))
		}
	}
	f.Fuzz(func(t *testing.T, element string, field uint8) {
		if element == "" || len(element) > 100 {
			return
		}
		format := fuzzed[int(field)%len(fuzzed)]
		n := 2500/(len(element)+1) + 1
		list := repeat(element, n)
		if strings.Contains(format, `"%s"`) {
			list = strings.Repeat(element, n+1)
		}
		compare(t, fmt.Appendf(nil, format, list), &inference.ModelInferRequest{})
	})
}

// fuzzed are messages with a place for a large value.
var fuzzed = []string{
	`{"inputs":[{"contents":{"fp32Contents":[%s]}}]}`, `{"inputs":[{"contents":{"fp64_contents":[%s]}}]}`,
	`{"inputs":[{"contents":{"intContents":[%s]}}]}`, `{"inputs":[{"contents":{"int64Contents":[%s]}}]}`,
	`{"inputs":[{"contents":{"uintContents":[%s]}}]}`, `{"inputs":[{"contents":{"uint64Contents":[%s]}}]}`,
	`{"inputs":[{"contents":{"boolContents":[%s]}}]}`, `{"rawInputContents":["%s"]}`, `{"inputs":[{"contents":{"bytesContents":["","%s"]}}]}`,
	`{"rawInputContents":[%s],"modelName":"m"}`, `{"id":"%s"}`, `{"inputs":[%s]}`,
}
