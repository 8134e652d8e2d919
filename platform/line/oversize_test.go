package line_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"innkeeper/agent/link"
	"innkeeper/agent/link/wire"
	"innkeeper/platform/embedded"
)

// welcome lets anybody in.
type welcome struct{}

func (welcome) Check(c server.ClientAuthentication) bool {
	c.RegisterUser(&server.User{Username: "anybody"})
	return true
}

// A platform that has its own certificate and keeps to no limit.
func TestAnAgentReadsNoMessageOf64MiB(t *testing.T) {
	p := open(t)
	j := p.enrol(t, "web-1")
	certificate, err := p.id.TLS()
	if err != nil {
		t.Fatal(err)
	}
	const most = 128 << 20
	hostile, err := embedded.Start(t.Context(), &server.Options{
		ServerName: "hostile", Host: "127.0.0.1", Port: server.RANDOM_PORT, TLSConfig: certificate, TLSTimeout: 30, TLSHandshakeFirst: true,
		AlwaysEnableNonce: true, CustomClientAuthentication: welcome{}, MaxPayload: most, MaxPending: 2 * most, NoSystemAccount: true,
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hostile.Stop)
	conn, err := hostile.Connect()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Subscribe(wire.Desired("web-1"), func(m *nats.Msg) { _ = m.Respond(make([]byte, 64<<20)) }); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	j.Addresses = []string{hostile.Addr().String()}
	a, _ := runLink(t, 7, link.Options{Join: j})
	select {
	case r := <-a.refused:
		if r.Revision != 0 || !strings.Contains(strings.Join(r.Reasons, ";"), "a message of 67108864 bytes; at most 2097152 are read") {
			t.Errorf("refused: %+v", r)
		}
	case d := <-a.desired:
		t.Errorf("it was accepted: %.300v", d)
	case <-time.After(patience):
		t.Error("nothing happened")
	}
}
