package app

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
	"strings"

	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// Announce prints the URL of the page and an example call that works as printed, for a
// server that listens on listener.
func (s *Server) Announce(out io.Writer, listener Listener) {
	scheme, curl := "http", "curl -sS"
	if t := listener.settings; t != nil {
		scheme = "https"
		if t.SelfSigned {
			pin := listener.tls.PublicKey()
			curl += " -k --pinnedpubkey 'sha256//" + base64.StdEncoding.EncodeToString(pin[:]) + "'"
		} else {
			curl += " --cacert '" + t.Cert + "'" // a self-signed certificate is its own authority
		}
		if t.ClientCA != "" && !t.ClientOptional {
			curl += " --cert CLIENT.pem --key CLIENT.key"
		}
	}
	if unix, ok := listener.Addr().(*net.UnixAddr); ok {
		curl += " " + unixOption(unix.Name)
	}
	base := scheme + "://" + reachable(listener.Addr())
	models := s.models.Snapshot()
	ready := 0
	for _, m := range models.Models {
		if m.Newest() != nil {
			ready++
		}
	}
	fmt.Fprintf(out, "\nTensorwire serves %d of %d models in %s\n\n  page   %s/\n  call   %s\n\n", ready, len(models.Models), s.config.Models, base, exampleCall(curl, base, models))
}

// exampleCall returns a curl command: an image for the default model if that accepts
// images, else the list of models.
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

// drawSeven returns a PNG of a seven, 28 x 28 pixels, small enough for a command line.
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

// unixOption returns curl's option for a Unix socket.
func unixOption(name string) string {
	if abstract, ok := strings.CutPrefix(name, "@"); ok {
		return "--abstract-unix-socket '" + abstract + "'"
	}
	return "--unix-socket '" + name + "'"
}

// reachable returns the host and port for a client on this machine.
func reachable(address net.Addr) string {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return "localhost"
	}
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, strconv.Itoa(tcp.Port))
}
