package auth

import (
	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
)

var (
	// errAdminAccess is an ErrForbidden of requests without a client.
	errAdminAccess = permission.Forbidden("this request administers the server, which is allowed from the server's own machine only, and not through a proxy (%s): call it there, give clients tokens with the action admin (%s), or set %s to all", setting.AdminAccess, setting.AuthTokens, setting.AdminAccess)
	// errNoAdmin is an ErrForbidden where nobody may administer.
	errNoAdmin = permission.Forbidden("this request administers the server, which needs a token with the action admin (%s), and the server has no tokens (%s)", setting.AdminAccess, setting.AuthTokens)
)
