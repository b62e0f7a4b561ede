package named

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strings"
	"sync"
	"time"
)

// Opaque is a value that can be shown but not read back.
type Opaque interface{ Describe() string }

var (
	mu     sync.RWMutex
	byName = map[string]reflect.Type{}
	byType = map[reflect.Type]string{}
)

// Register gives the type of each sample its name: the package's last element
// and the type's name, for instance "fault.BlackHole"; with the package's whole
// path where another type has that name already.
func Register(samples ...any) {
	mu.Lock()
	defer mu.Unlock()
	for _, sample := range samples {
		t := reflect.TypeOf(sample)
		name := t.String()
		if have, taken := byName[name]; taken && have != t {
			name = t.PkgPath() + "." + t.Name()
		}
		byName[name], byType[t] = t, name
	}
}

// Names lists what is registered.
func Names() []string {
	mu.RLock()
	defer mu.RUnlock()
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Marshal writes v, a struct, slice or registered value, as indented JSON.
func Marshal(v any) ([]byte, error) {
	tree, err := encode(reflect.ValueOf(v))
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(tree, "", "  ")
}

// MarshalLine writes v behind an interface, with its type's name, on one line.
func MarshalLine[T any](v T) ([]byte, error) {
	tree, err := encode(reflect.ValueOf(&v).Elem())
	if err != nil {
		return nil, err
	}
	return json.Marshal(tree)
}

// Unmarshal reads what [Marshal] wrote into the value that into points to.
func Unmarshal(text []byte, into any) error {
	var tree any
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	if err := decoder.Decode(&tree); err != nil {
		return err
	}
	return decode(tree, reflect.ValueOf(into).Elem(), "")
}

// object keeps the fields of a struct in their order.
type object struct {
	keys   []string
	values []any
}

func (o *object) add(key string, value any) {
	o.keys = append(o.keys, key)
	o.values = append(o.values, value)
}

func (o object) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, key := range o.keys {
		if i > 0 {
			b.WriteByte(',')
		}
		k, _ := json.Marshal(key)
		v, err := json.Marshal(o.values[i])
		if err != nil {
			return nil, err
		}
		b.Write(k)
		b.WriteByte(':')
		b.Write(v)
	}
	b.WriteByte('}')
	return []byte(b.String()), nil
}

var errCode = errors.New("it is code")

var (
	durationType = reflect.TypeFor[time.Duration]()
	timeType     = reflect.TypeFor[time.Time]()
)

func encode(v reflect.Value) (any, error) {
	if !v.IsValid() {
		return nil, nil
	}
	if v.Type() == durationType {
		return time.Duration(v.Int()).String(), nil
	}
	if v.Type() == timeType {
		return v.Interface(), nil
	}
	switch v.Kind() {
	case reflect.Interface:
		return encodeInterface(v)
	case reflect.Pointer:
		if v.IsNil() {
			return nil, nil
		}
		return encode(v.Elem())
	case reflect.Struct:
		return encodeStruct(v, object{})
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.IsNil() {
			return nil, nil
		}
		list := make([]any, v.Len())
		for i := range list {
			var err error
			if list[i], err = encode(v.Index(i)); err != nil {
				return nil, err
			}
		}
		return list, nil
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return nil, fmt.Errorf("a %v can't be written as data: %w", v.Type(), errCode)
	default:
		return v.Interface(), nil
	}
}

// encodeInterface writes the value's type beside its fields. A type that nobody
// registered is written by its own name: it can be read back where it is
// registered. One that holds code is written as opaque.
func encodeInterface(v reflect.Value) (any, error) {
	if v.IsNil() {
		return nil, nil
	}
	v = v.Elem()
	o := object{}
	o.add("type", nameOf(v.Type()))
	if opaque, is := v.Interface().(Opaque); is {
		o.add("opaque", opaque.Describe())
		return o, nil
	}
	tree, err := encodeBehind(v, o)
	if errors.Is(err, errCode) {
		o.add("opaque", "code")
		return o, nil
	}
	return tree, err
}

func nameOf(t reflect.Type) string {
	mu.RLock()
	defer mu.RUnlock()
	if name, registered := byType[t]; registered {
		return name
	}
	return t.String()
}

func encodeBehind(v reflect.Value, o object) (any, error) {
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() == reflect.Struct {
		return encodeStruct(v, o)
	}
	value, err := encode(v)
	if err != nil {
		return nil, err
	}
	o.add("value", value)
	return o, nil
}

func encodeStruct(v reflect.Value, o object) (any, error) {
	t := v.Type()
	for i := range t.NumField() {
		field := t.Field(i)
		if !field.IsExported() || field.Tag.Get("json") == "-" {
			continue
		}
		if v.Field(i).IsZero() {
			continue
		}
		value, err := encode(v.Field(i))
		if err != nil {
			return nil, fmt.Errorf("%v.%s: %w", t, field.Name, err)
		}
		o.add(field.Name, value)
	}
	return o, nil
}

func decode(tree any, into reflect.Value, place string) error {
	if tree == nil {
		into.SetZero()
		return nil
	}
	switch {
	case into.Type() == durationType:
		text, ok := tree.(string)
		if !ok {
			return wrong(place, "a duration such as \"2s\"", tree)
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("%s: %w", place, err)
		}
		into.SetInt(int64(d))
		return nil
	case into.Kind() == reflect.Interface && into.NumMethod() > 0:
		return decodeInterface(tree, into, place)
	case into.Kind() == reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		return decode(tree, into.Elem(), place)
	case into.Kind() == reflect.Struct && into.Type() != timeType:
		fields, ok := tree.(map[string]any)
		if !ok {
			return wrong(place, "an object", tree)
		}
		return decodeStruct(fields, into, place)
	case into.Kind() == reflect.Slice:
		list, ok := tree.([]any)
		if !ok {
			return wrong(place, "a list", tree)
		}
		into.Set(reflect.MakeSlice(into.Type(), len(list), len(list)))
		for i := range list {
			if err := decode(list[i], into.Index(i), fmt.Sprintf("%s[%d]", place, i)); err != nil {
				return err
			}
		}
		return nil
	default:
		text, err := json.Marshal(tree)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, into.Addr().Interface()); err != nil {
			return fmt.Errorf("%s: %w", place, err)
		}
		return nil
	}
}

func decodeInterface(tree any, into reflect.Value, place string) error {
	fields, ok := tree.(map[string]any)
	if !ok {
		return wrong(place, "an object with a type", tree)
	}
	name, _ := fields["type"].(string)
	if text, opaque := fields["opaque"]; opaque {
		return fmt.Errorf("%s: %s (%v) is code and can't be read back from a file", place, name, text)
	}
	mu.RLock()
	t, ok := byName[name]
	mu.RUnlock()
	if !ok {
		return fmt.Errorf("%s: no type %q is known here; known are %s", place, name, strings.Join(Names(), ", "))
	}
	if !t.AssignableTo(into.Type()) {
		return fmt.Errorf("%s: %s is not a %v", place, name, into.Type())
	}
	value := reflect.New(t).Elem()
	var err error
	if t.Kind() == reflect.Struct {
		err = decodeStruct(fields, value, place)
	} else {
		err = decode(fields["value"], value, place)
	}
	if err != nil {
		return err
	}
	into.Set(value)
	return nil
}

func decodeStruct(fields map[string]any, into reflect.Value, place string) error {
	for name, tree := range fields {
		if name == "type" {
			continue
		}
		field := into.FieldByName(name)
		if !field.IsValid() || !field.CanSet() {
			return fmt.Errorf("%s: %v has no field %q", place, into.Type(), name)
		}
		if err := decode(tree, field, strings.TrimPrefix(place+"."+name, ".")); err != nil {
			return err
		}
	}
	return nil
}

func wrong(place, want string, got any) error {
	text, _ := json.Marshal(got)
	return fmt.Errorf("%s: expected %s, found %.60s", place, want, text)
}
