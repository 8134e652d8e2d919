// Package tlspeer asks a TLS server who it is, as a program that is about to
// be told to trust it would find out. Log daemons say such things only in the
// log that then arrives nowhere.
package tlspeer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"
)

// Timeout bounds a Check: what does not answer by then counts as away.
const Timeout = 3 * time.Second

// AuthorityError says that none of the given authorities vouches for the
// server, or not any more.
type AuthorityError struct{ Err error }

// Error implements error.
func (e *AuthorityError) Error() string { return e.Err.Error() }

// Unwrap gives the reason.
func (e *AuthorityError) Unwrap() error { return e.Err }

// NameError says that the server's certificate is for other names.
type NameError struct{ Err error }

// Error implements error.
func (e *NameError) Error() string { return e.Err.Error() }

// Unwrap gives the reason.
func (e *NameError) Unwrap() error { return e.Err }

// Check connects to address (host:port) and is an *AuthorityError or a
// *NameError if the server shows a certificate that is not vouched for by ca
// (PEM) or not for name. A server that is away, or speaks no TLS, is another
// error.
func Check(ctx context.Context, address string, ca []byte, name string) error {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return &AuthorityError{errors.New("there is no certificate of an authority")}
	}
	dialer := &tls.Dialer{
		NetDialer: &net.Dialer{},
		Config:    &tls.Config{RootCAs: roots, ServerName: name, MinVersion: tls.VersionTLS12},
	}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err == nil {
		_ = conn.Close()
		return nil
	}
	var wrongName x509.HostnameError
	if errors.As(err, &wrongName) {
		return &NameError{wrongName}
	}
	var refused *tls.CertificateVerificationError
	if errors.As(err, &refused) {
		return &AuthorityError{refused.Err}
	}
	return fmt.Errorf("ask %s for its certificate: %w", address, err)
}
