package line

import (
	"encoding/base64"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"innkeeper/agent/link/wire"
)

// gatekeeper lets in guests that prove to hold their key, each to its own
// subjects. The server asks it at every connection, so that a guest that was
// enrolled a moment ago is known.
type gatekeeper struct {
	platform string // the public key of the platform's own connection
	backend  Backend
	open     connections
}

// Check implements server.Authentication.
func (g *gatekeeper) Check(c server.ClientAuthentication) bool {
	key, ok := proven(c)
	if !ok {
		return false
	}
	if key == g.platform {
		c.RegisterUser(&server.User{Username: "(platform)"}) // no guest's id has parentheses
		return true
	}
	// Noted before the key is looked up: a key that is given up meanwhile
	// either is not found, or its connection is among those to end.
	g.open.add(key, c.GetID())
	guest, ok := g.backend.GuestOf(key)
	if !ok {
		g.open.drop(key, c.GetID())
		return false
	}
	c.RegisterUser(&server.User{Username: guest, Permissions: permissions(guest)})
	return true
}

// proven is the public key whose owner signed the connection's nonce.
func proven(c server.ClientAuthentication) (string, bool) {
	o := c.GetOpts()
	if o.Nkey == "" || len(c.GetNonce()) == 0 {
		return "", false
	}
	signature, err := base64.RawURLEncoding.DecodeString(o.Sig)
	if err != nil {
		return "", false
	}
	public, err := nkeys.FromPublicKey(o.Nkey)
	if err != nil || public.Verify(c.GetNonce(), signature) != nil {
		return "", false
	}
	return o.Nkey, true
}

// permissions are what a guest may do; all else is denied.
func permissions(guest string) *server.Permissions {
	return &server.Permissions{
		Publish: &server.SubjectPermission{Allow: []string{
			wire.Desired(guest), wire.Reported(guest), wire.Confirm(guest), wire.Key(guest),
			wire.Tasks(guest), wire.Done(guest), wire.Chunks(guest),
		}},
		Subscribe: &server.SubjectPermission{Allow: []string{
			wire.Doorbell(guest), wire.Taskbell(guest), wire.InboxPrefix(guest) + ".>",
		}},
	}
}
