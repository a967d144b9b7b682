package permission_test

import (
	"errors"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
)

func TestClientsHaveTheirPermissionsOnly(t *testing.T) {
	client := &permission.Client{Name: "c", Actions: []permission.Action{permission.Infer, permission.Read}, Models: []string{"a-*", "b"}}
	for _, c := range []struct {
		need permission.Need
		ok   bool
	}{
		{permission.Need{Action: permission.Open}, true},
		{permission.Need{Action: permission.Known}, true},
		{permission.Need{Action: permission.Infer}, true},
		{permission.Need{Action: permission.Infer, Model: "a-x"}, true},
		{permission.Need{Action: permission.Infer, Model: "b"}, true},
		{permission.Need{Action: permission.Infer, Model: "bb"}, false},
		{permission.Need{Action: permission.Infer, Model: "A-x"}, false},
		{permission.Need{Action: permission.Read, AllModels: true}, false},
		{permission.Need{Action: permission.Admin}, false},
		{permission.Need{}, false},
	} {
		if err := client.Permits(c.need); (err == nil) != c.ok || err != nil && !errors.Is(err, permission.ErrForbidden) {
			t.Errorf("%+v: %v", c.need, err)
		}
	}
}

// A stream outlasts the check of its header.
func TestCheckModelFollowsTheClient(t *testing.T) {
	client := &permission.Client{Name: "c", Models: []string{"a"}, Expires: time.Now().Add(time.Hour)}
	ctx, grant := permission.With(t.Context(), client)
	if err := permission.CheckModel(ctx, "a"); err != nil || grant.Model() != "a" {
		t.Errorf("%v, model %q", err, grant.Model())
	}
	if err := permission.CheckModel(ctx, "b"); !errors.Is(err, permission.ErrForbidden) {
		t.Error(err)
	}
	if err := permission.CheckAllModels(ctx); !errors.Is(err, permission.ErrForbidden) {
		t.Error(err)
	}
	client.Revoke()
	if err := permission.CheckModel(ctx, "a"); !errors.Is(err, permission.ErrUnauthenticated) {
		t.Error(err)
	}
	expired, _ := permission.With(t.Context(), &permission.Client{Models: []string{"*"}, Expires: time.Now()})
	if err := permission.CheckModel(expired, "a"); !errors.Is(err, permission.ErrUnauthenticated) {
		t.Error(err)
	}
	if err := permission.CheckModel(t.Context(), "a"); err != nil {
		t.Errorf("without authentication: %v", err)
	}
}
