package rule

import (
	"errors"
	"math"

	"github.com/itchyny/gojq"
)

var errNoBinary = errors.New("jq: a placeholder names no binary value of the event")

// checkBinary finds placeholders in what a program made that name none of the event's n binary values. Without binary values an object
// that looks like a placeholder is data like any other.
func checkBinary(v any, n int) error {
	if n == 0 {
		return nil
	}
	return walkBinary(v, n)
}

func walkBinary(v any, n int) error {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			if err := walkBinary(x, n); err != nil {
				return err
			}
		}
	case map[string]any:
		if v["_placeholder"] == true {
			num, ok := gojq.ToFloat64(v["num"])
			if !ok || num != math.Trunc(num) || num < 0 || num >= float64(n) {
				return errNoBinary
			}
			return nil
		}
		for _, x := range v {
			if err := walkBinary(x, n); err != nil {
				return err
			}
		}
	}
	return nil
}
