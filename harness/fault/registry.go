package fault

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/seatrial/seatrial/harness/named"
)

// Kind is what a fault falls on.
type Kind string

// The kinds.
const (
	KindNetwork  Kind = "network"   // links between nodes, and to clients
	KindName     Kind = "names"     // how nodes resolve names
	KindProcess  Kind = "processes" // the programs of nodes
	KindResource Kind = "resources" // what programs may use
	KindDisk     Kind = "disk"      // where programs keep their data
	KindClient   Kind = "clients"   // what clients do
)

// Kinds are all that there are.
var Kinds = []Kind{KindNetwork, KindName, KindProcess, KindResource, KindDisk, KindClient}

// Entry is a fault in the list of all faults.
type Entry struct {
	Kind Kind
	// About is one line: what it does.
	About string
	// Example is one with parameters that do no more than they must, for three nodes.
	Example Fault
	// More are others that a mix of everything should have, for instance with
	// other targets.
	More []Fault
}

// Parameter is a field of a fault.
type Parameter struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

var (
	registryMu sync.RWMutex
	registry   []Entry
)

// Register adds faults to the list, and their types to those that plans can hold.
func Register(entries ...Entry) {
	registryMu.Lock()
	defer registryMu.Unlock()
	for _, e := range entries {
		named.Register(e.Example)
		registry = append(registry, e)
	}
}

// All lists every registered fault, by kind.
func All() []Entry {
	registryMu.RLock()
	defer registryMu.RUnlock()
	all := slices.Clone(registry)
	slices.SortStableFunc(all, func(a, b Entry) int { return slices.Index(Kinds, a.Kind) - slices.Index(Kinds, b.Kind) })
	return all
}

// Package is every registered fault of these kinds, of all kinds without any, for
// a [Mix]. What of it does not apply to a scenario, the mix leaves out:
//
//	fault.Mix{Faults: fault.Package(fault.KindNetwork, fault.KindProcess)}
func Package(kinds ...Kind) []Fault {
	var faults []Fault
	for _, e := range All() {
		if len(kinds) == 0 || slices.Contains(kinds, e.Kind) {
			faults = append(append(faults, e.Example), e.More...)
		}
	}
	return faults
}

// Name is the fault's type in words, for instance "black-hole". A fault that
// narrows another has a longer FaultName.
func (e Entry) Name() string {
	name := reflect.TypeOf(e.Example).Name()
	var b strings.Builder
	for i, c := range name {
		upper := c >= 'A' && c <= 'Z'
		next := i+1 < len(name) && name[i+1] >= 'a' && name[i+1] <= 'z'
		if upper && i > 0 && (next || name[i-1] >= 'a' && name[i-1] <= 'z') {
			b.WriteByte('-')
		}
		b.WriteRune(c)
	}
	return strings.ToLower(b.String())
}

// Parameters are the fields of the fault, in their order.
func (e Entry) Parameters() []Parameter {
	var all []Parameter
	t := reflect.TypeOf(e.Example)
	for i := range t.NumField() {
		if field := t.Field(i); field.IsExported() {
			all = append(all, Parameter{field.Name, field.Type.String()})
		}
	}
	return all
}

// Engine names what does the fault on a runtime, "pod" or "process".
func Engine(f Fault, runtime string) string {
	switch f := f.(type) {
	case networkFault:
		return engineOf(f.effect(), runtime, f.At().ofClients())
	case interface{ Engine(runtime string) string }:
		return f.Engine(runtime)
	}
	if runtime == "process" {
		return "signals"
	}
	return "docker"
}

// validate says what is wrong with the fault's parameters, whatever the system.
func validate(f Fault) error {
	if v, ok := f.(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return fmt.Errorf("fault %s: %w", f.FaultName(), err)
		}
	}
	return nil
}
