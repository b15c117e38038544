package rule

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schema checks the array of an event's arguments.
type schema struct{ compiled *jsonschema.Schema }

// schemaBase is what references within a schema are resolved against. Nothing is read from there.
const schemaBase = "sockd:///schema"

// noLoader refuses every reference out of the schema.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%q lies outside of the schema, and nothing is fetched", strings.TrimPrefix(url, "sockd:///"))
}

func compileSchema(text string) (*schema, error) {
	doc, err := decode([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("must be a JSON Schema as text: %v", err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	if err := c.AddResource(schemaBase, doc); err != nil {
		return nil, err
	}
	compiled, err := c.Compile(schemaBase)
	if err != nil {
		return nil, errors.New(schemaFault(err))
	}
	return &schema{compiled: compiled}, nil
}

// schemaFault leaves the made-up address out of the message.
func schemaFault(err error) string {
	var invalid *jsonschema.SchemaValidationError
	if errors.As(err, &invalid) {
		var violation *jsonschema.ValidationError
		if errors.As(invalid.Err, &violation) {
			return "no valid JSON Schema: " + violations(violation)
		}
	}
	return strings.ReplaceAll(strings.ReplaceAll(err.Error(), schemaBase, "schema"), "\n", " ")
}

// check validates args. A panic of the library, over values that came from the network, counts as a violation.
func (s *schema) check(args []any) (err error) {
	if err := sizes(args); err != nil {
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the arguments violate the schema: panic: %s", shorten(fmt.Sprint(r)))
		}
	}()
	err = s.compiled.Validate(args)
	if err == nil {
		return nil
	}
	var violation *jsonschema.ValidationError
	if errors.As(err, &violation) {
		return errors.New("the arguments violate the schema: " + violations(violation))
	}
	return fmt.Errorf("the arguments violate the schema: %v", err)
}

const (
	maxDigits   = 1000 // of a number that a schema is asked about: it is compared as an exact fraction
	maxExponent = 3    // digits of its exponent
)

// sizes refuses numbers whose exact value is enormous, such as 1e999999.
func sizes(v any) error {
	switch v := v.(type) {
	case json.Number:
		_, exponent, _ := strings.Cut(strings.ToLower(string(v)), "e")
		if len(v) > maxDigits || len(strings.TrimLeft(exponent, "+-0")) > maxExponent {
			return errors.New("the arguments violate the schema: a number is too long")
		}
	case []any:
		for _, x := range v {
			if err := sizes(x); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, x := range v {
			if err := sizes(x); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxViolations is how many are told.
const maxViolations = 3

// violations lists the first of them, each with its place in the array of arguments. There may be one for each of a hundred thousand elements: the
// others are not even put into words.
func violations(e *jsonschema.ValidationError) string {
	return strings.Join(appendViolations(nil, e), "; ")
}

func appendViolations(list []string, e *jsonschema.ValidationError) []string {
	if len(e.Causes) == 0 {
		out := e.DetailedOutput()
		return append(list, "at /"+strings.TrimPrefix(out.InstanceLocation, "/")+": "+shorten(out.Error.String()))
	}
	for _, cause := range e.Causes {
		if len(list) == maxViolations {
			break
		}
		list = appendViolations(list, cause)
	}
	return list
}

// shorten bounds a message that may quote the arguments.
func shorten(text string) string {
	if len(text) <= maxMessage {
		return text
	}
	return strings.ToValidUTF8(text[:maxMessage], "") + "…"
}
