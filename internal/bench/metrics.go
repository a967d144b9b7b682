package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// metrics are a server's figures at one moment, by name and labels as Prometheus's text
// format writes them: name{label="value"}.
type metrics map[string]float64

// scrape reads the metrics of the server at base.
func scrape(ctx context.Context, client *http.Client, base string) (metrics, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("/metrics answered %s", res.Status)
	}
	return parseMetrics(res.Body)
}

func parseMetrics(text io.Reader) (metrics, error) {
	m := metrics{}
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		series, figure, ok := cutLast(lines.Text(), " ")
		if !ok || strings.HasPrefix(series, "#") {
			continue
		}
		value, err := strconv.ParseFloat(figure, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", series, err)
		}
		m[series] = value
	}
	return m, lines.Err()
}

// cutLast cuts s around the last separator: labels may hold blanks.
func cutLast(s, separator string) (before, after string, found bool) {
	at := strings.LastIndex(s, separator)
	if at < 0 {
		return s, "", false
	}
	return s[:at], s[at+len(separator):], true
}

// of sums up the series of that name that have all the labels, such as
// reason="cancelled".
func (m metrics) of(name string, labels ...string) float64 {
	sum := 0.0
next:
	for series, value := range m {
		family, rest, _ := strings.Cut(series, "{")
		if family != name {
			continue
		}
		for _, label := range labels {
			if !strings.Contains(rest, label) {
				continue next
			}
		}
		sum += value
	}
	return sum
}
