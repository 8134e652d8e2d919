package labkey_test

import (
	"bytes"
	"testing"

	"golang.org/x/crypto/ssh"

	"innkeeper/images/labkey"
)

func TestTheLoginKeyIsTheSameInEveryProcess(t *testing.T) {
	// An image built yesterday holds this line: a change here must come with
	// a new seedVersion.
	const want = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAdoqDqNxpGJNS1n+b1zrTPmPDrwUOiYwHJKJUblDIhY\n"
	line := labkey.AuthorizedKey()
	if line != want {
		t.Fatalf("the key is %q", line)
	}
	parsed, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(parsed.Marshal(), labkey.Signer().PublicKey().Marshal()) {
		t.Error("the authorized key is not the signer's")
	}
}

func TestHostKeysDifferBySystemAndMatchTheirPrivateHalf(t *testing.T) {
	a, b := labkey.HostKey("ubuntu"), labkey.HostKey("pfsense")
	if bytes.Equal(a.Marshal(), b.Marshal()) {
		t.Error("two systems share a host key")
	}
	pem, err := labkey.HostKeyPEM("ubuntu")
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(s.PublicKey().Marshal(), a.Marshal()) {
		t.Error("the private key in the image is not of the public key the harness expects")
	}
}
