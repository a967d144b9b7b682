package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	t.Parallel()
	table := NewTable(1, "request", "time")
	table.Row("bytes", "7 µs")
	table.Row("a float", "12.5 µs")
	markdown := "| request | time |\n| --- | ---: |\n| bytes | 7 µs |\n| a float | 12.5 µs |"
	if got := (Report{Paragraphf("%d rows", 2), table}).Format(true); got != "2 rows\n\n"+markdown+"\n" {
		t.Errorf("got\n%s\nwant\n%s", got, markdown)
	}
	text := "request     time\nbytes       7 µs\na float  12.5 µs"
	if got := table.Format(false); got != text {
		t.Errorf("got\n%s\nwant\n%s", got, text)
	}
}

func TestFigures(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		Time(0):                         "0",
		Time(999):                       "999 ns",
		Time(1234):                      "1.23 µs",
		Time(99_960):                    "100 µs",
		Time(999_600):                   "1.00 ms",
		Time(15_300 * time.Microsecond): "15.3 ms",
		Time(1500 * time.Millisecond):   "1.50 s",
		Bytes(38):                       "38 B",
		Bytes(609_990):                  "610 kB",
		Bytes(1_620_000):                "1.62 MB",
		Count(7):                        "7",
		Count(602_112):                  "602,112",
		Count(1_234_567):                "1,234,567",
		Count(8_090.6):                  "8,091",
		Count(99.97):                    "100",
		Count(8.249):                    "8.25",
		Count(3.0):                      "3",
		Count(-123):                     "-123",
		Ratio(3, 2):                     "1.50×",
		Ratio(9_996, 1_000):             "10.0×",
		Ratio(1_156_000, 1_000):         "1,156×",
		Ratio(1, 0):                     "–",
		Percent(1, 4):                   "25 %",
		Percent(1, 0):                   "–",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestUpdateDocument(t *testing.T) {
	t.Parallel()
	const document = "# Performance\n\n<!-- bench:begin encodings -->\nold\n<!-- bench:end encodings -->\n\n<!-- bench:begin machine --><!-- bench:end machine -->\n"
	path := filepath.Join(t.TempDir(), "performance.md")
	if err := os.WriteFile(path, []byte(document), 0o644); err != nil {
		t.Fatal(err)
	}
	r := Report{Paragraph("new")}
	if err := CheckDocument(path, []string{"share"}); err == nil || !strings.Contains(err.Error(), "has no place") {
		t.Errorf("the document has no place for section share, but: %v", err)
	}
	for range 2 { // an updated document can be updated again
		if err := UpdateDocument(path, map[string]Report{"encodings": r, "share": r}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(document, "\nold\n", "\n\nnew\n\n", 1); string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
