package oiprest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/infer"
)

// The parameters in the query of a request whose body is not JSON. They are this server's
// own: neither the protocol nor Triton defines the form of an answer to such a body.
const (
	topKParameter    = "top_k"
	outputsParameter = "outputs"
)

// queryParameters are the parameters that a query may have.
var queryParameters = []string{topKParameter, outputsParameter, binaryOutputParameter}

// misspelled has names that mean a parameter, as spelling returns them.
var misspelled = map[string]string{
	"topk": topKParameter, "k": topKParameter, "top": topKParameter, "classification": topKParameter,
	"output": outputsParameter, "outputname": outputsParameter, "requestedoutput": outputsParameter,
	"binarydataoutput": binaryOutputParameter, "binarydata": binaryOutputParameter, "binaryoutput": binaryOutputParameter, "binary": binaryOutputParameter,
}

// spelling returns a name without what differs between spellings of it.
func spelling(name string) string {
	name = strings.NewReplacer("_", "", "-", "", ".", "", "[]", "").Replace(strings.ToLower(name))
	return strings.TrimSuffix(name, "s")
}

// query is what the query of a request asks for.
type query struct {
	// topK is the number of classes; 0 where none is given.
	topK int
	// outputs are values of the parameter; each is one name, or several with commas
	// between them. Empty: none is given.
	outputs []string
	// binary asks for the outputs after the JSON.
	binary bool
}

// readQuery reads the query of a request; binary is the default of binary_data_output. It
// ignores parameters of others, such as a gateway's key, and reports those that look like
// its own.
func readQuery(r *http.Request, binary bool) (query, error) {
	q := query{binary: binary}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return q, infer.Invalidf("query: %v: separate parameters by & and escape their values", err)
	}
	for name, given := range values {
		switch name {
		case outputsParameter:
			q.outputs = given
		case topKParameter, binaryOutputParameter:
			if len(given) > 1 {
				return q, infer.Invalidf("%s is given %d times: give it once", name, len(given))
			}
			if name == topKParameter {
				q.topK, err = readTopK(given[0])
			} else {
				q.binary, err = readTruth(name, given[0])
			}
			if err != nil {
				return q, err
			}
		default:
			if meant := misspelled[spelling(name)]; meant != "" {
				return q, infer.Invalidf("query parameter %s is unknown: use %s", strconv.Quote(name), meant)
			}
		}
	}
	if len(q.outputs) > 0 && q.topK > 0 {
		return q, infer.Invalidf("top_k and outputs are both given: top_k asks for the best classes, outputs for the values of outputs: leave out one of them")
	}
	return q, nil
}

// readTopK reads a number of classes.
func readTopK(text string) (int, error) {
	k, err := strconv.ParseInt(text, 10, 32)
	if err != nil || k < 1 {
		return 0, infer.Invalidf("top_k is %q: give the number of classes to return, or leave it out for %d", text, infer.DefaultTopK)
	}
	return int(k), nil
}

func readTruth(name, text string) (bool, error) {
	switch text {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, infer.Invalidf("%s is %q: give true or false", name, text)
}

// wanted returns the outputs that the query names, of those that a model offers; nil for
// none. A value that is an output's name is that name, commas included. It returns at most
// one more than there are, which is enough for the error that they have.
func (q *query) wanted(offered []engine.TensorSpec) []infer.Output {
	var wanted []infer.Output
	for _, value := range q.outputs {
		if isName(offered, value) {
			wanted = append(wanted, infer.Output{Name: value})
		} else {
			for name := range strings.SplitSeq(value, ",") {
				if wanted = append(wanted, infer.Output{Name: strings.TrimSpace(name)}); len(wanted) > len(offered) {
					break
				}
			}
		}
		if len(wanted) > len(offered) {
			break
		}
	}
	return wanted
}

func isName(offered []engine.TensorSpec, name string) bool {
	return slices.ContainsFunc(offered, func(spec engine.TensorSpec) bool { return spec.Name == name })
}

// checkNoQuery reports parameters in the query of a request in JSON, which has its own.
func checkNoQuery(r *http.Request) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	values := r.URL.Query()
	for _, name := range queryParameters {
		if values.Has(name) {
			return infer.Invalidf("query parameter %s is for a body that is an image or one raw tensor: in JSON, list outputs with their parameters, such as {\"outputs\": [{\"name\": ..., \"parameters\": {\"classification\": 3}}]}", name)
		}
	}
	return nil
}
