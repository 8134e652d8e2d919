package tlspeer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http/httptest"
	"testing"

	"innkeeper/agent/mechanisms/tlspeer"
)

func TestCheck(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	address := server.Listener.Addr().String()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})

	if err := tlspeer.Check(t.Context(), address, ca, "example.com"); err != nil {
		t.Errorf("the right name: %v", err)
	}
	var name *tlspeer.NameError
	if err := tlspeer.Check(t.Context(), address, ca, "example.org"); !errors.As(err, &name) {
		t.Errorf("another name: %v", err)
	}
	var authority *tlspeer.AuthorityError
	if err := tlspeer.Check(t.Context(), address, []byte("none"), "example.com"); !errors.As(err, &authority) {
		t.Errorf("no authority: %v", err)
	}
	if err := tlspeer.Check(t.Context(), address, strangers(t), "example.com"); !errors.As(err, &authority) {
		t.Errorf("another authority: %v", err)
	}
}

func TestAServerThatIsAwayIsNoWrongServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	err = tlspeer.Check(t.Context(), address, strangers(t), "example.com")
	var name *tlspeer.NameError
	var authority *tlspeer.AuthorityError
	if err == nil || errors.As(err, &name) || errors.As(err, &authority) {
		t.Errorf("got %v", err)
	}
}

// strangers is an authority, in PEM, that vouches for nobody.
func strangers(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
