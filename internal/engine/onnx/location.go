package onnx

import (
	"regexp"
	"strings"
	"unicode"
)

// sourceLocation matches a location in the runtime's source, as its messages have it: a
// file, often with its path on the build machine, and a line.
var sourceLocation = regexp.MustCompile(`(?:\b[A-Za-z]:\\)?[^\s:]+\.(?:cc|cpp|h|hpp|mm|inc):\d+:? ?`)

// withoutLocations removes the locations in the runtime's source from a message, each
// with the function that follows it (CodeLocation::ToString in the runtime's source).
func withoutLocations(message string) string {
	var b strings.Builder
	for {
		at := sourceLocation.FindStringIndex(message)
		if at == nil {
			b.WriteString(message)
			return b.String()
		}
		b.WriteString(message[:at[0]])
		message = withoutCondition(withoutFunction(message[at[1]:]))
	}
}

// withoutFunction removes the function at the start of a message: a signature of C++, as
// gcc and clang write it (__PRETTY_FUNCTION__), or a name alone (__FUNCTION__).
func withoutFunction(message string) string {
	if end := signatureEnd(message); end > 0 {
		return strings.TrimLeft(message[end:], " ")
	}
	name, rest, _ := strings.Cut(message, " ")
	if rest != "" && isFunctionName(name, rest) {
		return rest
	}
	return message
}

// withoutCondition removes a condition in C++ at the start of a message, which says that it
// was false, if it calls functions and a reason follows (ORT_ENFORCE in the runtime's
// source). A plain one may say more than the reason.
func withoutCondition(message string) string {
	condition, reason, found := strings.Cut(message, " was false. ")
	if found && strings.TrimSpace(reason) != "" && strings.ContainsAny(condition, "(:>") {
		return reason
	}
	return message
}

// signatureEnd returns the length of the signature at the start of a message, such as
// "virtual Status ns::Op<T>::Compute(Context*) const [with T = float]", 0 when there is
// none.
func signatureEnd(message string) int {
	open := parameters(message)
	if open < 0 {
		return 0
	}
	end := open + balanced(message[open:])
	for {
		rest := message[end:]
		switch {
		case end == open:
			return 0 // the message is cut off
		case strings.HasPrefix(rest, "("): // after operator(), or of a lambda
			end += max(balanced(rest), 1)
		case strings.HasPrefix(rest, "::"):
			end += len("::") + componentEnd(rest[len("::"):])
		case strings.HasPrefix(rest, " const"):
			end += len(" const")
		case strings.HasPrefix(rest, " ["): // template arguments
			return end + 1 + balanced(rest[1:])
		default:
			return end
		}
	}
}

// componentEnd returns the length of the name at the start of s, as it follows a scope: an
// identifier, or a lambda in angle brackets (gcc) or braces (clang).
func componentEnd(s string) int {
	if s != "" && (s[0] == '<' || s[0] == '{') {
		return max(balanced(s), 1)
	}
	return len(s) - len(strings.TrimLeft(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_~"))
}

// parameters returns the index of the parenthesis that opens the parameters of the
// signature at the start of a message, -1 when it does not start with one: the word
// before it has a scope, or the parameters are pointers or references, and the words before
// that are types.
func parameters(message string) int {
	depth, word := 0, 0
	for i, r := range message {
		switch {
		case r == '<':
			depth++
		case r == '>':
			depth--
		case depth > 0:
		case r == '(':
			if strings.Contains(message[word:i], "::") || (word > 0 && strings.ContainsAny(message[i:i+balanced(message[i:])], "*&")) {
				return i
			}
			return -1
		case r == ' ':
			word = i + 1
		case r == '.' || r == '=' || r == '|' || r == '"':
			return -1 // no signature has these
		}
	}
	return -1
}

// balanced returns the length of the bracketed text at the start of s, 0 when it does not
// end.
func balanced(s string) int {
	depth := 0
	for i, r := range s {
		switch r {
		case '(', '[', '<', '{':
			depth++
		case ')', ']', '>', '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// isFunctionName reports whether a word is a function's name and not the first word of
// the text: it has a scope or several capitals, or the text starts with a capital.
func isFunctionName(word, text string) bool {
	letters := strings.IndexFunc(word, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != ':'
	}) < 0
	capitals := strings.IndexFunc(strings.TrimLeftFunc(word, unicode.IsUpper), unicode.IsUpper) > 0
	return letters && (strings.Contains(word, "::") || capitals || unicode.IsUpper(rune(text[0])))
}
