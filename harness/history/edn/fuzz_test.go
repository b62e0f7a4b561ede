package edn

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seatrial/seatrial/harness/history"
)

// Whatever the bytes, the importer returns a valid history or an error that says
// where; and what it returned can be written, and comes back as many operations.
func FuzzImport(f *testing.F) {
	for i, c := range containers {
		f.Add([]byte(c.text), uint8(i))
		f.Add([]byte(c.text[:len(c.text)*2/3]), uint8(i))
	}
	for i, name := range []string{"list-append/g1b.edn", "long-fork/fork.edn", "set-full/flutter.edn", "total-queue/pathological.edn", "counter/rolling.edn", "unique-ids/dups.edn", "rw-register/wfr.edn"} {
		text, err := os.ReadFile("testdata/conformance/" + name)
		require.NoError(f, err)
		for j := range models {
			if strings.HasPrefix(name, models[j].name+"/") {
				f.Add(text, uint8(j))
			}
		}
		f.Add(text, uint8(i*40))
	}
	f.Add([]byte(`{:type :invoke :f :transfer :value {:from 1 :to 2 :amount 3} :process 0}{:type :ok :process 0}{:type :invoke :f :read :process 0}{:type :ok :value {1 2} :process 0}`), uint8(15))
	f.Add([]byte(`[{:type :invoke :f :write :value [\a #inst "2020" ##NaN 1/2 "\ud83d\ude00" #:a{:b 1}] :process 0} #_ #_ 1 2 {:type :info :process 0}]`), uint8(0))
	f.Fuzz(func(t *testing.T, text []byte, choice uint8) {
		options := Options{Model: models[int(choice)%len(models)].name, Unwrap: choice >= 128}
		if choice%3 == 0 {
			options.NilRead = NilValue
		}
		h, err := Import(bytes.NewReader(text), "fuzz", options)
		if err != nil {
			var problem *history.SyntaxError
			require.ErrorAs(t, err, &problem)
			require.Positive(t, problem.Line)
			require.Positive(t, problem.Column)
			require.NotEmpty(t, problem.Problem)
			return
		}
		var out bytes.Buffer
		if Export(&out, h) != nil {
			return // a transfer of an account to itself, and the like
		}
		again, err := Import(&out, "again", Options{Model: options.Model, NilRead: NilValue})
		if err == nil {
			require.LessOrEqual(t, len(again.Ops), len(h.Ops))
		}
	})
}

// FuzzForms reads any bytes as forms, and each form's text again: it is its own text.
func FuzzForms(f *testing.F) {
	f.Add([]byte(`[1 2.50 3/6 "a\nb" :k/w sym \newline #{1 2} {:a (1 2)} #tag [nil true] ##Inf 5N 1.0M] ; end`))
	f.Add([]byte("#_#_ a b #foo #bar {1 #_2 3}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, q := &parser{}, &parser{}
		p.open(bytes.NewReader(text), "fuzz")
		for p.begin(); p.blank(0) && p.form(0); p.begin() {
			require.Equal(t, len(p.nodes), p.next(0))
			once := p.appendText(nil, 0)
			q.forms(once, "", 1, 0)
			require.True(t, q.form(0) && q.pos == q.end, "%q: %v", once, q.problem)
			require.Equal(t, string(once), string(q.appendText(nil, 0)))
			for _, key := range []bool{true, false} {
				kept := bytes.Clone(p.plain(0, key))
				q.forms(p.written(nil, kept, key), "", 1, 0)
				require.True(t, q.form(0) && q.pos == q.end, "%q: %v", kept, q.problem)
				require.Equal(t, string(kept), string(q.plain(0, key)))
			}
		}
	})
}
