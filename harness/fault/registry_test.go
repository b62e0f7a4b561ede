package fault_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/fault"
	"github.com/seatrial/seatrial/harness/named"
)

// A fault that is not in the list is not shown, not drawn, and not tried by the
// tests that try all. (Weighted is a fault with a number beside it.)
func TestEveryFaultIsInTheList(t *testing.T) {
	listed := map[string]bool{"Weighted": true}
	for _, e := range fault.All() {
		require.False(t, listed[reflect.TypeOf(e.Example).Name()], "%T is listed twice", e.Example)
		listed[reflect.TypeOf(e.Example).Name()] = true
	}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		for _, declared := range parsed.Decls {
			f, is := declared.(*ast.FuncDecl)
			if !is || f.Recv == nil || f.Name.Name != "FaultName" {
				continue
			}
			receiver, is := f.Recv.List[0].Type.(*ast.Ident)
			require.True(t, is, "%s: a fault is a struct, not a pointer to one", file)
			require.True(t, listed[receiver.Name], "%s: add fault.Register(fault.Entry{..., Example: %s{...}})", file, receiver.Name)
			found++
		}
	}
	require.Equal(t, len(fault.All()), found, "what is listed is of this package")
}

func TestEveryListedFaultIsOneThatCanBeInjected(t *testing.T) {
	w := portedWorld()
	names := map[string]bool{}
	for _, e := range fault.All() {
		require.NotEmpty(t, e.About)
		require.False(t, names[e.Name()])
		names[e.Name()] = true
		require.Contains(t, fault.Kinds, e.Kind, e.Name())
		for _, f := range append([]fault.Fault{e.Example}, e.More...) {
			require.IsType(t, e.Example, f, "more of %s", e.Name())
			require.NoError(t, fault.Check(fault.For{Duration: time.Second, Fault: f}, ported{bare{count: 3}}, w), "%s", fault.Aimed(f))
			require.NotEmpty(t, fault.Engine(f, "pod"))
			require.NotEmpty(t, aimIn(t, w, f).Text())

			type plan struct{ Fault fault.Fault }
			text, err := named.Marshal(plan{f})
			require.NoError(t, err)
			var back plan
			require.NoError(t, named.Unmarshal(text, &back))
			require.Equal(t, f, back.Fault, "%s comes back from a plan", e.Name())

			type record struct{ Act fault.Act }
			act := record{aimIn(t, w, f)}
			text, err = named.Marshal(act)
			require.NoError(t, err)
			var again record
			require.NoError(t, named.Unmarshal(text, &again))
			require.Equal(t, act, again, "the act of %s comes back from the journal", e.Name())
		}
	}
	require.Contains(t, names, "black-hole")
	require.Contains(t, names, "byte-limit")
	require.Equal(t, []fault.Parameter{{Name: "Target", Type: "fault.Target"}, {Name: "Probability", Type: "float64"}, {Name: "Burst", Type: "int"}},
		fault.Entry{Example: fault.Loss{}}.Parameters())
	require.Equal(t, "cpu-quota", fault.Entry{Example: CPUQuota{}}.Name())
}

// CPUQuota has a name with an abbreviation.
type CPUQuota struct{ fault.Kill }

func TestAPackageIsEveryFaultOfItsKinds(t *testing.T) {
	kinds := map[fault.Kind]int{}
	for _, e := range fault.All() {
		kinds[e.Kind] += 1 + len(e.More)
	}
	require.Len(t, fault.Package(fault.KindProcess), kinds[fault.KindProcess])
	require.Len(t, fault.Package(fault.KindNetwork, fault.KindProcess), kinds[fault.KindNetwork]+kinds[fault.KindProcess])
	all := 0
	for _, count := range kinds {
		all += count
	}
	require.Len(t, fault.Package(), all)
}
