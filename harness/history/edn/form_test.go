package edn

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// readForms returns the texts of all forms, as values are kept.
func readForms(text string) ([]string, *parser) {
	p := &parser{}
	p.open(strings.NewReader(text), "test.edn")
	var texts []string
	for {
		p.begin()
		if !p.blank(0) || !p.form(0) {
			return texts, p
		}
		texts = append(texts, string(p.plain(0, false)))
	}
}

func TestForms(t *testing.T) {
	for _, c := range []struct{ text, kept string }{
		{"nil", "nil"},
		{"true", "true"},
		{`"plain"`, "plain"},
		{`"two words"`, "two words"},
		{`""`, ""},
		{`"a\"b\\c\n\t\r\b\f\u00e9\101"`, "a\"b\\c\n\t\r\b\fé" + "A"},
		{`"\ud83d\ude00"`, "😀"},
		{`"\ud83d"`, "\xed\xa0\xbd"},
		{"\"two\nlines\"", "two\nlines"},
		// What would be taken for another form has its quotes.
		{`"true"`, `"true"`},
		{`":a"`, `":a"`},
		{`"[1 2]"`, `"[1 2]"`},
		{`"[1,2]"`, "[1,2]"},
		{`"1.5"`, `"1.5"`},
		{`"1.50"`, "1.50"},
		{`"17"`, "17"},
		{`"nil"`, "nil"},
		{`"9223372036854775807"`, `"9223372036854775807"`},
		{`"\":a\""`, `"\":a\""`},
		{`"'a"`, `"'a"`},
		{`"'"`, "'"},
		{":a", ":a"},
		{":a.b/c-d", ":a.b/c-d"},
		{"foo", "'foo"},
		{"+", "'+"},
		{"-", "'-"},
		{"foo/bar", "'foo/bar"},
		{"0", "0"},
		{"-17", "-17"},
		{"+17", "17"},
		{"-0", "0"},
		{"5N", "5"},
		{"123456789012345678901234567890N", "123456789012345678901234567890"},
		{"1.50", "1.5"},
		{"1e3", "1000.0"},
		{"1E-7", "1e-07"},
		{"1.", "1.0"},
		{"1.50M", "1.50M"},
		{"3/4", "3/4"},
		{"6/8", "3/4"},
		{"1/0", "1/0"},
		{"##NaN", "##NaN"},
		{"##-Inf", "##-Inf"},
		{`\a`, `\a`},
		{`\newline`, `\newline`},
		{`\space`, `\space`},
		{`\u0041`, `\A`},
		{`\u000a`, `\newline`},
		{`\o101`, `\A`},
		{`\(`, `\(`},
		{`\é`, `\é`},
		{"[]", "[]"},
		{"[1, 2 ,3]", "[1 2 3]"},
		{"(1 2)", "[1 2]"},
		{"#{3 1 2}", "#{1 2 3}"},
		{"{:b 2, :a 1}", "{:a 1 :b 2}"},
		{`{"k" [nil #{}]}`, `{"k" [nil #{}]}`},
		{`#inst "2020-01-02T03:04:05Z"`, `#inst "2020-01-02T03:04:05Z"`},
		{"#foo/bar[1]", "#foo/bar [1]"},
		{"#a #b 1", "#a #b 1"},
		{"#_ 1 2", "2"},
		{"#_#_ 1 2 3", "3"},
		{"[1 #_2]", "[1]"},
		{"[#_ [a b] 1]", "[1]"},
		{"; a comment\n1 ; another", "1"},
		{"[1 ; in between\n 2]", "[1 2]"},
	} {
		texts, p := readForms(c.text)
		require.Nil(t, p.problem, c.text)
		require.Equal(t, []string{c.kept}, texts, c.text)
	}
}

// Brackets and quotes end a form, without a blank.
func TestFormsSideBySide(t *testing.T) {
	texts, p := readForms("1[2](3)#{4}\"b\":a\"c\"\\d,,,{5 6};end")
	require.Nil(t, p.problem)
	require.Equal(t, []string{"1", "[2]", "[3]", "#{4}", "b", ":a", "c", `\d`, "{5 6}"}, texts)
}

func TestFormsThatCantBeRead(t *testing.T) {
	for _, c := range []struct {
		text         string
		line, column int
		says         string
	}{
		{"[1 2", 1, 5, `expected ']', which closes what was opened at 1:1, found the end of the input`},
		{"[1 2)", 1, 5, `expected ']', found ')'`},
		{"\n )", 2, 2, `expected a form, found ')'`},
		{"{:a}", 1, 4, "expected a value for the last key of the map"},
		{"{:a 1\n:b", 2, 3, "expected '}', which closes what was opened at 1:1"},
		{`"ab`, 1, 4, "expected the quote that ends the string which began at 1:1"},
		{`"a\q"`, 1, 3, "expected an escape that EDN knows"},
		{`"\u12g4"`, 1, 2, "expected an escape of four hexadecimal digits"},
		{`: a`, 1, 2, "expected the name of a keyword after its colon"},
		{`\`, 1, 1, "expected a character after the backslash"},
		{`\foo`, 1, 1, `expected a character such as \a, \newline or \u0041, found "\\foo"`},
		{"12ab", 1, 1, `expected a number, found "12ab"`},
		{"007", 1, 1, `expected a number, found "007"`},
		{"1.5.2", 1, 1, "expected a number"},
		{"1e", 1, 1, "expected a number"},
		{"@a", 1, 1, "expected a form, found '@'"},
		{"'a", 1, 1, "expected a form"},
		{"\x00", 1, 1, "expected a form"},
		{"#", 1, 1, "expected a set, a tag or a discarded form after #"},
		{"#<Object>", 1, 1, "expected a set, a tag or a discarded form after #"},
		{"#foo", 1, 5, "expected the form that the tag is for, found the end of the input"},
		{"##Foo", 1, 1, "expected ##NaN, ##Inf or ##-Inf"},
		{"#_", 1, 3, "expected a form to discard after #_"},
		{"[#_]", 1, 4, "expected a form, found ']'"},
		{strings.Repeat("[", 300), 1, 201, "forms are nested more than 200 deep"},
		{strings.Repeat("#_", 300), 1, 401, "forms are nested more than 200 deep"},
		{strings.Repeat("#a ", 300), 1, 601, "forms are nested more than 200 deep"},
	} {
		_, p := readForms(c.text)
		require.NotNil(t, p.problem, c.text)
		require.Contains(t, p.problem.Problem, c.says, c.text)
		require.Equal(t, []int{c.line, c.column}, []int{p.problem.Line, p.problem.Column}, c.text)
	}
}
