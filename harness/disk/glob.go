package disk

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// Matcher tells paths that a rule's pattern is about from others.
type Matcher struct {
	pattern *regexp.Regexp // nil matches everything
	last    bool           // only the last part of the path counts
}

// Matcher compiles the rule's path, which is valid.
func (r Rule) Matcher() Matcher {
	m, err := compile(r.Path)
	if err != nil {
		return Matcher{pattern: regexp.MustCompile(`$^`)} // Validate has refused it
	}
	return m
}

// Match reports whether the pattern is about a path, relative to the data directory.
func (m Matcher) Match(file string) bool {
	if m.pattern == nil {
		return true
	}
	if m.last {
		file = path.Base(file)
	}
	return m.pattern.MatchString(file)
}

// patternMax is the longest pattern, in bytes.
const patternMax = 4096

func compile(pattern string) (Matcher, error) {
	if pattern == "" {
		return Matcher{}, nil
	}
	if len(pattern) > patternMax {
		return Matcher{}, fmt.Errorf("a path pattern of %d bytes: the limit is %d", len(pattern), patternMax)
	}
	var b strings.Builder
	b.WriteString(`(?s)^`)
	for i := 0; i < len(pattern); i++ {
		switch {
		case strings.HasPrefix(pattern[i:], "**/"):
			b.WriteString(`(?:.*/)?`)
			i += 2
		case strings.HasPrefix(pattern[i:], "**"):
			b.WriteString(`.*`)
			i++
		case pattern[i] == '*':
			b.WriteString(`[^/]*`)
		case pattern[i] == '?':
			b.WriteString(`[^/]`)
		default:
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	b.WriteString(`$`)
	compiled, err := regexp.Compile(b.String())
	if err != nil {
		return Matcher{}, fmt.Errorf("the path pattern %q: %w", pattern, err)
	}
	return Matcher{pattern: compiled, last: !strings.Contains(pattern, "/")}, nil
}
