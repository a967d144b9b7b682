package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"net"
	"strconv"

	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// announce prints where the page is and a call that works as it stands.
func announce(out io.Writer, c *config.Config, address net.Addr, models *infer.Snapshot) {
	scheme, curl := "http", "curl -sS"
	if c.TLSCert != "" {
		// A certificate of one's own making is its own authority.
		scheme, curl = "https", "curl -sS --cacert '"+c.TLSCert+"'"
	}
	base := scheme + "://" + reachable(address)
	ready := 0
	for _, m := range models.Models {
		if m.Newest() != nil {
			ready++
		}
	}
	fmt.Fprintf(out, "\nTensorwire serves %d of %d models of %s\n\n  page   %s/\n  call   %s\n\n", ready, len(models.Models), c.Models, base, exampleCall(curl, base, models))
}

// exampleCall returns a call that works as it stands: a drawing of a seven for the
// default model where that takes an image, else the list of the models.
func exampleCall(curl, base string, models *infer.Snapshot) string {
	call := func(method, body string) string {
		return fmt.Sprintf("%s %s/modelserving.Predictor/%s -H 'Content-Type: application/json' -d '%s'", curl, base, method, body)
	}
	_, version, err := models.Lookup("", "")
	if err != nil || version.State != repository.Ready || !version.Serving.TakesImages() {
		return call("ListModels", "{}")
	}
	return call("FastPredict", fmt.Sprintf(`{"rawImage":"%s"}`, base64.StdEncoding.EncodeToString(drawSeven())))
}

// drawSeven returns a PNG of 28 x 28 pixels, small enough for a command line.
func drawSeven() []byte {
	const size, thickness = 28, 3
	picture := image.NewPaletted(image.Rect(0, 0, size, size), color.Palette{color.Black, color.White})
	for i := range 14 {
		for t := range thickness {
			picture.SetColorIndex(7+i, 6+t, 1)        // the bar
			picture.SetColorIndex(20-i/2+t-1, 7+i, 1) // the stem
		}
	}
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, picture); err != nil {
		return nil // bytes.Buffer takes all writes
	}
	return encoded.Bytes()
}

// reachable returns the address as a client on this machine writes it.
func reachable(address net.Addr) string {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return address.String()
	}
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, strconv.Itoa(tcp.Port))
}
