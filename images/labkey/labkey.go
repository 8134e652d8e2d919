// Package labkey gives the ssh keys by which the harness and its guests know
// each other. They are no secret and protect nothing: a guest is reachable
// only inside the lab of the one process that owns it. Derived from fixed
// seeds, they are the same in every clone, so that an image built by one run is
// reached by another.
package labkey

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/pem"
	"fmt"

	"golang.org/x/crypto/ssh"
)

// seedVersion is part of every seed: raise it to change all keys.
const seedVersion = "innkeeper lab key, version 1"

// key derives the key for a purpose, such as "login" or "host ubuntu".
func key(purpose string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(seedVersion + "\x00" + purpose))
	return ed25519.NewKeyFromSeed(seed[:])
}

// signerOf makes an ssh signer; an ed25519 key of the right length, which key
// gives, cannot fail.
func signerOf(k ed25519.PrivateKey) ssh.Signer {
	s, err := ssh.NewSignerFromKey(k)
	if err != nil {
		panic(fmt.Sprintf("labkey: %v", err))
	}
	return s
}

// Signer is the key that lets root into every lookalike.
func Signer() ssh.Signer { return signerOf(key("login")) }

// AuthorizedKey is Signer's public half as a line of authorized_keys, with the
// newline.
func AuthorizedKey() string {
	return string(ssh.MarshalAuthorizedKey(Signer().PublicKey()))
}

// HostKey is the public key that the sshd of the lookalike of a system shows.
func HostKey(system string) ssh.PublicKey {
	return signerOf(key("host " + system)).PublicKey()
}

// HostKeyPEM is the private half of HostKey in the form of OpenSSH's
// ssh_host_ed25519_key file, for the image builder.
func HostKeyPEM(system string) ([]byte, error) {
	block, err := ssh.MarshalPrivateKey(key("host "+system), system+".lab.test")
	if err != nil {
		return nil, fmt.Errorf("host key of %s: %w", system, err)
	}
	return pem.EncodeToMemory(block), nil
}

// HostKeyPublicLine is HostKey as OpenSSH's ssh_host_ed25519_key.pub has it.
func HostKeyPublicLine(system string) string {
	return string(ssh.MarshalAuthorizedKey(HostKey(system)))
}
