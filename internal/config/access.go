package config

import (
	"errors"

	"github.com/spf13/pflag"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/transport/auth"
)

func (c *Config) accessFlags() *pflag.FlagSet {
	f := newFlags()
	note(f.text(&c.AuthTokens, "", "auth-tokens", "YAML `file` with the tokens of clients, which tensorwire token new writes; clients need one for all but probes and the page; reloaded when it changes"),
		defaultNote, "no authentication")
	note(f.checked(&c.AdminAccess, "", "admin-access", "`clients` without a token that may load models, change settings, use shared memory and take profiles: loopback (this machine, not through a proxy), all, or token (none)", checkAdminAccess),
		choices, "loopback", "all", "token")
	note(f.Lookup("admin-access"), defaultNote, "token with --auth-tokens, else loopback")
	note(f.int(&c.ClientRate, 0, "client-rate", "maximum `requests` per second of each client, by its token or else its address; more are refused as unavailable"), defaultNote, "no limit")
	note(f.int(&c.ClientStreams, 0, "client-streams", "maximum open `streams` of each client; more are refused as unavailable"), defaultNote, "no limit")
	return f.FlagSet
}

func checkAdminAccess(text string) error {
	if text == "" {
		return nil
	}
	_, err := auth.ParseAdminAccess(text)
	return err
}

func (c *Config) validateAccess() error {
	err := errors.Join(
		checkText(setting.AdminAccess, c.AdminAccess, checkAdminAccess),
		atLeast(setting.ClientRate, c.ClientRate, 0),
		atLeast(setting.ClientStreams, c.ClientStreams, 0),
	)
	if c.AuthTokens != "" && c.AdminAccess == "all" {
		err = errors.Join(err, setting.Errorf("%s is all, and %s would protect all but the server itself: give token or loopback", setting.AdminAccess, setting.AuthTokens))
	}
	return err
}
