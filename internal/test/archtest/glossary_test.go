package archtest_test

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// term is an entry of the glossary. end is what follows the words, a word's end where it is
// empty.
type term struct{ words, end, instead string }

func (t term) pattern() string { return `\b(?:` + t.words + `)` + cmp.Or(t.end, `\b`) }

// glossary lists private or archaic wording, each with the standard term that a reader
// would search for. The words are patterns. They match whole words in any case, also within
// identifiers (usedAgain) and across line breaks. Common words with a good use, such as
// "called", are left to the reader.
var glossary = []term{
	{words: `(short|slow|fast|long) roads?`, instead: "fast path, slow path"},
	{words: `used again`, instead: "pooled, reused"},
	{words: `may look at|whose it is`, instead: "buffer ownership; valid until ..."},
	{words: `(say|says|said|saying) no`, instead: "admission control, load shedding, rejects"},
	{words: `not now|com(e|es|ing) again`, instead: "overload error; retry"},
	{words: `tells?|told|telling`, instead: "report, return, format, log, distinguish"},
	{words: `worded`, instead: "formatted, phrased"},
	{words: `hopeless`, instead: "will miss its deadline"},
	{words: `(give|gives|gave|given|giving) up`, instead: "shed, abandon, time out, close"},
	{words: `serv(e|es|ed|ing) on`, end: `([.,;:)"'%]|$| (and|after|until|while|with|without|when)\b)`, instead: "keeps serving"}, // not "serves on port 8080"
	{words: `anew`, instead: "again"},
	{words: `the whole of`, instead: "full reference, all of"},
	{words: `in (its|their) stead`, instead: "instead"},
	{words: `who(so)?ever|whatever|that which|what is held of`, instead: "name the subject"},
	{words: `nets? for panics`, instead: "panic recovery"},
	{words: `tak(e|es|en|ing) up again`, instead: "resumes"},
	{words: `(is|are|was|were|be|been|not) taken for`, instead: "marked as, treated as, reported as"},
	{words: `all but surely`, instead: "with high probability"},
	{words: `lanes?`, instead: "latest-only group"},
	{words: `recall(s|ed)?`, instead: "unclaim"},
	{words: `least rate`, instead: "minimum transfer rate"},
	{words: `memory for requests is taken`, instead: "request memory budget exhausted"},
}

// bounds are identifiers such as leastBytes and mostCalls. They are matched as written.
var bounds = regexp.MustCompile(`\b(least|most|Least|Most)[A-Z]\w*`)

// proseExtensions are the kinds of files that the glossary holds for, besides Makefiles
// and scripts without an extension.
var proseExtensions = []string{".go", ".md", ".ts", ".tsx", ".js", ".mjs", ".py", ".sh", ".c", ".h", ".proto", ".yaml", ".yml"}

// exempt reports whether a file may use the glossary's words: generated code, test data,
// the history, and the glossary.
func exempt(file string) bool {
	return strings.HasPrefix(file, "gen/") || strings.Contains(file, "/gen/") || strings.Contains(file, "testdata/") ||
		strings.Contains(path.Base(file), "lock") || file == "CHANGELOG.md" || path.Base(file) == "glossary_test.go"
}

// leader matches what begins a line of a comment or a quotation.
var leader = regexp.MustCompile(`^\s*(//|#+|/?\*+|>|<!--)?\s*`)

// splitIdentifiers separates the words of identifiers in camel case: usedAgain becomes
// used Again.
func splitIdentifiers(line string) string {
	var b strings.Builder
	var last rune
	for _, r := range line {
		if unicode.IsUpper(r) && unicode.IsLower(last) {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		last = r
	}
	return b.String()
}

type finding struct {
	line          int
	word, instead string
}

// check returns what the glossary finds in a text.
func (m matcher) check(text string) []finding {
	var found []finding
	lines := strings.Split(text, "\n")
	for i, raw := range lines {
		for _, word := range bounds.FindAllString(raw, -1) {
			found = append(found, finding{i + 1, word, "min..., max..."})
		}
		line := strings.TrimRight(splitIdentifiers(raw), " \t\r")
		joined := line
		if i+1 < len(lines) {
			joined += " " + splitIdentifiers(leader.ReplaceAllString(lines[i+1], ""))
		}
		if !m.any.MatchString(joined) {
			continue
		}
		for at, pattern := range m.terms {
			for _, match := range pattern.FindAllStringIndex(joined, -1) {
				if match[0] < len(line) {
					found = append(found, finding{i + 1, joined[match[0]:match[1]], glossary[at].instead})
				}
			}
		}
	}
	return found
}

// matcher has the compiled glossary. any matches what one of the terms matches: nearly
// all lines take one match instead of one for each term.
type matcher struct {
	terms []*regexp.Regexp
	any   *regexp.Regexp
}

func newMatcher() matcher {
	var m matcher
	var all []string
	for _, entry := range glossary {
		m.terms = append(m.terms, regexp.MustCompile("(?i)"+entry.pattern()))
		all = append(all, entry.pattern())
	}
	m.any = regexp.MustCompile("(?i)" + strings.Join(all, "|"))
	return m
}

func TestGlossary(t *testing.T) {
	m := newMatcher()
	for _, file := range trackedFiles(t) {
		if exempt(file) {
			continue
		}
		text, ok := readFile(t, file)
		script := path.Ext(file) == "" && strings.HasPrefix(text, "#!")
		if !ok || !script && path.Base(file) != "Makefile" && !slices.Contains(proseExtensions, path.Ext(file)) {
			continue
		}
		for _, f := range m.check(text) {
			t.Errorf("%s:%d: %q: write %s", file, f.line, f.word, f.instead)
		}
	}
}

func TestGlossaryMatchesWords(t *testing.T) {
	m := newMatcher()
	for text, want := range map[string]int{
		"it is told here":                    1,
		"Tells":                              1,
		"// a buffer is used\n\t// again":    1,
		"func bufferUsedAgain()":             1,
		"the server serves on.":              1,
		"t.Error(\"it does not serve on\")":  1,
		"it serves on port 8080 and on 8081": 0,
		"leastBytes, mostCalls":              2,
		"almostDone, mostly, atLeast":        0,
		"planes, telling":                    1,
		"intellect, Hotelling, recalled":     1,
		"a, b\n\nanew":                       1,
		"at the least\nrate":                 1,
		"the road is long, and short":        0,
	} {
		if got := m.check(text); len(got) != want {
			t.Errorf("%q: %v, want %d", text, got, want)
		}
	}
}
