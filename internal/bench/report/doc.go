// Package report is what the benches print: figures, their ratios, tables of them, and
// the documents that hold the tables.
package report
