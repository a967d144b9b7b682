package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnknownCommandsAndFlags(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"command":            {[]string{"sevre"}, "no command \"sevre\": did you mean tensorwire serve?\nsee tensorwire --help\n"},
		"no near command":    {[]string{"frobnicate"}, `no command "frobnicate": tensorwire has completion, models, serve, token, version`},
		"command of models":  {[]string{"models", "pul"}, "did you mean tensorwire models pull?\nsee tensorwire models --help\n"},
		"help topic":         {[]string{"help", "srve"}, "did you mean tensorwire serve?\nsee tensorwire --help\n"},
		"shell":              {[]string{"completion", "fisch"}, "did you mean tensorwire completion fish?"},
		"flag":               {[]string{"serve", "--max-queu", "7"}, "unknown flag --max-queu: did you mean --max-queue?\nsee tensorwire serve --help\n"},
		"flag of one dash":   {[]string{"serve", "-lisen", ":1"}, "unknown flag --lisen: did you mean --listen?"},
		"flag of pull":       {[]string{"models", "pull", "https://host/m.onnx", "-nam", "m"}, "unknown flag --nam: did you mean --name?"},
		"flag of root":       {[]string{"--verson"}, "unknown flag --verson: did you mean --version?"},
		"argument":           {[]string{"version", "1"}, `version has no arguments, found "1"`},
		"value":              {[]string{"models", "pull", "--max-bytes", "much"}, `--max-bytes is "much": give a size`},
		"configuration file": {[]string{"serve", "--config", "testdata/none.yaml"}, "--config: open testdata/none.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := command(t.Context(), test.args...)
			if code != exitUsage || stdout != "" || !strings.Contains(stderr, test.says) {
				t.Errorf("code %d, stdout %q, stderr %q; want %q", code, stdout, stderr, test.says)
			}
		})
	}
}

func TestHelpIsPrinted(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		says []string
	}{
		"root":     {[]string{"help"}, []string{"tensorwire serve ", "tensorwire models ", "tensorwire version ", "tensorwire completion "}},
		"--help":   {[]string{"--help"}, []string{"Usage:\n  tensorwire <command> [flags]"}},
		"-h":       {[]string{"-h"}, []string{"Usage:\n  tensorwire <command> [flags]"}},
		"serve":    {[]string{"serve", "--help"}, []string{"Listener:\n  --listen addresses\n", "(default: 127.0.0.1:8080)", "TENSORWIRE_MAX_QUEUE", "\nLog:\n"}},
		"one dash": {[]string{"serve", "-help"}, []string{"Listener:\n  --listen addresses\n"}},
		"topic":    {[]string{"help", "serve"}, []string{"Listener:\n  --listen addresses\n"}},
		"nested":   {[]string{"help", "models", "pull"}, []string{"tensorwire models pull <url> --name <name> [flags]", "--stall-timeout duration"}},
		"version":  {[]string{"version", "--help"}, []string{"--json"}},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := command(t.Context(), test.args...)
			for _, part := range test.says {
				if code != exitOK || stderr != "" || !strings.Contains(stdout, part) {
					t.Errorf("code %d, stderr %q, %q is not in\n%s", code, stderr, part, stdout)
				}
			}
			for line := range strings.Lines(stdout) {
				if len(line) > 90 {
					t.Errorf("a line of %d columns: %s", len(line), line)
				}
			}
		})
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if code, stdout, stderr := command(t.Context(), "completion", shell); code != exitOK || !strings.Contains(stdout, "__tensorwire") || stderr != "" {
			t.Errorf("%s: code %d, %d bytes, stderr %q", shell, code, len(stdout), stderr)
		}
	}
	for want, args := range map[string][]string{
		"serve\t":              {"s"},
		"--listen\t":           {"serve", "--lis"},
		"auto\nnet/http\n":     {"serve", "--http2", ""},
		"none\npoll\nexplicit": {"serve", "--model-control="},
		"pull\t":               {"models", ""},
	} {
		code, stdout, _ := command(t.Context(), append([]string{"__complete"}, args...)...)
		if code != exitOK || !strings.Contains(stdout, want) {
			t.Errorf("%q: code %d, %q", args, code, stdout)
		}
	}
}

func TestVersion(t *testing.T) {
	code, stdout, stderr := command(t.Context(), "version")
	if code != exitOK || stderr != "" || !strings.HasPrefix(stdout, "tensorwire "+readBuild().Version+"\n") || !strings.Contains(stdout, "go1.") || !strings.Contains(stdout, "ONNX Runtime   1.") {
		t.Errorf("code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if code, again, _ := command(t.Context(), "--version"); code != exitOK || again != stdout {
		t.Errorf("--version: code %d, %q, want %q", code, again, stdout)
	}
	code, stdout, _ = command(t.Context(), "version", "--json")
	var got build
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitOK || !strings.HasPrefix(got.Go, "go1.") || !strings.HasPrefix(got.Runtime.Version, "1.") || got.Runtime.Library == "" {
		t.Errorf("code %d, %s, %v", code, stdout, err)
	}
	code, stdout, _ = command(t.Context(), "version", "--onnxruntime-lib", "/nowhere/lib.so")
	if code != exitOK || !strings.Contains(stdout, "ONNX Runtime   ONNX Runtime's shared library not found: --onnxruntime-lib is /nowhere/lib.so") {
		t.Errorf("a wrong path: code %d, %q", code, stdout)
	}
}

func TestVersionIsSetAtLinkTime(t *testing.T) {
	defer func() { tag, commit, date = "", "", "" }()
	tag, commit, date = "v9.8.7", "0123abc", "2026-01-02T03:04:05Z"
	_, stdout, _ := command(t.Context(), "version")
	for _, part := range []string{"tensorwire v9.8.7\n", "commit         0123abc\n", "date           2026-01-02T03:04:05Z\n"} {
		if !strings.Contains(stdout, part) {
			t.Errorf("%q is not in %q", part, stdout)
		}
	}
}

// The command of worker processes is not for users: it is not listed, and says so.
func TestWorkerIsStartedByServersOnly(t *testing.T) {
	if code, stdout, stderr := command(t.Context(), "worker"); code != exitError || stdout != "" || !strings.Contains(stderr, "started by tensorwire serve, not by hand") {
		t.Errorf("code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if _, stdout, _ := command(t.Context(), "help"); strings.Contains(stdout, "worker") {
		t.Errorf("help lists it:\n%s", stdout)
	}
}

// TestServeReadsAFileAndFlagsOfOneDash serves by a configuration file, whose models a
// flag of one dash overrides.
func TestServeReadsAFileAndFlagsOfOneDash(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tensorwire.yaml")
	if err := os.WriteFile(file, []byte("models: /nowhere/models\nmax-message-bytes: 1MiB\ndefault-model: cat\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, "-config", file, "-models="+root+"/models", "-default-model", "digits")
	if !strings.Contains(p.out.String(), "serves 1 of 1 models") {
		t.Errorf("the server prints %s", p.out)
	}
	p.end(t)
	code, _, stderr := command(t.Context(), "serve", "--config", file)
	if code != exitError || !strings.Contains(stderr, "/nowhere/models does not exist") {
		t.Errorf("without the flag: code %d, %s", code, stderr)
	}
}

// TestPullReadsTheFile pulls into the models directory of the server's file.
func TestPullReadsTheFile(t *testing.T) {
	url, _ := modelServer(t, 0)
	dir := t.TempDir()
	file := filepath.Join(dir, "tensorwire.yaml")
	if err := os.WriteFile(file, []byte("models: "+dir+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := command(t.Context(), "models", "pull", "--config", file, "--name", "digits", url+"/model.onnx"); code != exitOK || stdout != filepath.Join(dir, "digits", "1", "model.onnx")+"\n" {
		t.Errorf("code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}
