package broadcast_test

import (
	"reflect"
	"testing"

	"github.com/sockd/sockd/instance/broadcast"
)

// fill sets all numbers in v to n, and each map to one with that number.
func fill(v reflect.Value, n uint64) {
	switch v.Kind() {
	case reflect.Uint64:
		v.SetUint(n)
	case reflect.Int:
		v.SetInt(int64(n))
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]uint64{"x": n}))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i), n)
			}
		}
	}
}

// Every total is added, also one that is new.
func TestMerge(t *testing.T) {
	var a, b, want broadcast.Stats
	fill(reflect.ValueOf(&a).Elem(), 2)
	fill(reflect.ValueOf(&b).Elem(), 3)
	fill(reflect.ValueOf(&want).Elem(), 5)
	want.Seq, want.Waiting = 2, 3
	a.Merge(b)
	if !reflect.DeepEqual(a, want) {
		t.Errorf("got  %+v\nwant %+v", a, want)
	}
	var zero broadcast.Stats
	zero.Merge(b)
	if zero.Dropped["x"] != 3 {
		t.Errorf("got %+v", zero)
	}
}
