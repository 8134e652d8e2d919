package logging

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"

	"innkeeper/agent/guest"
	"innkeeper/agent/mechanisms/tlspeer"
	"innkeeper/agent/state"
	"innkeeper/agent/systems/section"
)

// path is that of a field of target i.
func path(i int, field string) string { return fmt.Sprintf("logging.targets[%d].%s", i, field) }

func unsupported(path, format string, args ...any) error {
	return section.Errorf(section.Unsupported, path, format, args...)
}

// askPeers asks all tls targets at once who they are. One that is away is not
// judged: it may be there tomorrow, and records wait for it.
func askPeers(ctx context.Context, _ guest.Machine, l state.Logging) error {
	errs := make([]error, len(l.Targets))
	var asking sync.WaitGroup
	for i, t := range l.Targets {
		if t.Protocol == state.LogTLS {
			asking.Go(func() { errs[i] = askPeer(ctx, i, t) })
		}
	}
	asking.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func askPeer(ctx context.Context, i int, t state.LogTarget) error {
	address := net.JoinHostPort(t.Host, strconv.Itoa(int(t.PortOrDefault())))
	err := tlspeer.Check(ctx, address, []byte(t.CA), t.PeerName())
	var authority *tlspeer.AuthorityError
	var wrongName *tlspeer.NameError
	switch {
	case errors.As(err, &authority):
		return section.Errorf(section.Failed, path(i, "ca"), "no authority in it vouches for the certificate that %s shows: %v", address, authority)
	case errors.As(err, &wrongName):
		return section.Errorf(section.Failed, path(i, "name"), "%s shows a certificate for another name than %q: %v", address, t.PeerName(), wrongName)
	}
	return nil
}
