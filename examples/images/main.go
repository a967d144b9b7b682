// Command images draws the digits of this directory: white strokes on black, as the
// sample model was trained on. `go run ./examples/images` writes them again.
package main

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
)

const (
	size = 280
	// radius is half the width of a stroke, in pixels.
	radius = 13
)

// point is a position in a box of 1 x 1, from the top left.
type point struct{ x, y float64 }

// arc returns a polyline along an ellipse, from one angle to another, in degrees
// clockwise from the right.
func arc(cx, cy, rx, ry, from, to float64) []point {
	const steps = 40
	var line []point
	for i := range steps + 1 {
		angle := (from + (to-from)*float64(i)/steps) * math.Pi / 180
		line = append(line, point{cx + rx*math.Cos(angle), cy + ry*math.Sin(angle)})
	}
	return line
}

// strokes returns the polylines of each digit.
func strokes() [10][][]point {
	return [10][][]point{
		0: {arc(.5, .5, .22, .32, 0, 360)},
		1: {{{.56, .18}, {.46, .82}}},
		2: {append(arc(.49, .36, .2, .18, -170, 50), point{.3, .8}, point{.72, .8})},
		3: {arc(.46, .34, .19, .16, -150, 90), arc(.46, .66, .22, .17, -90, 140)},
		4: {{{.36, .18}, {.28, .52}, {.72, .52}}, {{.66, .2}, {.6, .84}}},
		5: {append([]point{{.7, .2}, {.38, .2}, {.35, .46}}, arc(.47, .62, .22, .2, -110, 150)...)},
		6: {append([]point{{.6, .16}}, arc(.5, .62, .21, .2, -165, 195)...)},
		7: {{{.28, .22}, {.72, .22}, {.46, .82}}},
		8: {arc(.5, .34, .17, .15, 0, 360), arc(.5, .66, .2, .17, 0, 360)},
		9: {arc(.48, .36, .19, .18, 0, 360), {{.67, .36}, {.6, .84}}},
	}
}

// distance returns how far p is from the segment between a and b.
func distance(p, a, b point) float64 {
	dx, dy := b.x-a.x, b.y-a.y
	t := 0.0
	if length := dx*dx + dy*dy; length > 0 {
		t = max(0, min(1, ((p.x-a.x)*dx+(p.y-a.y)*dy)/length))
	}
	return math.Hypot(p.x-a.x-t*dx, p.y-a.y-t*dy)
}

// draw returns the image of a digit's lines, with smooth edges.
func draw(lines [][]point) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, size, size))
	for y := range size {
		for x := range size {
			p := point{(float64(x) + .5) / size, (float64(y) + .5) / size}
			nearest := math.Inf(1)
			for _, line := range lines {
				for i := range len(line) - 1 {
					nearest = min(nearest, distance(p, line[i], line[i+1]))
				}
			}
			cover := max(0, min(1, radius+.5-nearest*size))
			img.SetGray(x, y, color.Gray{Y: uint8(cover * 255)})
		}
	}
	return img
}

func run(dir string) error {
	for digit, lines := range strokes() {
		file, err := os.Create(filepath.Join(dir, fmt.Sprintf("%d.png", digit)))
		if err != nil {
			return err
		}
		encoder := png.Encoder{CompressionLevel: png.BestCompression}
		if err := encoder.Encode(file, draw(lines)); err != nil {
			return err
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	if err := run("examples/images"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
