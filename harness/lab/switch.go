package lab

import (
	"sync"
	"time"
)

// maxStations bounds what a guest that makes up source addresses can use.
const maxStations = 4096

type station [6]byte

// ethernetSwitch is a learning switch.
type ethernetSwitch struct {
	mu       sync.RWMutex
	ports    []*switchPort
	stations map[station]*switchPort
	captures map[*capture]struct{}
}

// switchPort is where a cable is plugged in.
type switchPort struct {
	sw *ethernetSwitch
	// out takes a frame that leaves the switch here. It must not block and
	// must not change the frame, which other ports get too.
	out func(frame []byte)
}

func newSwitch() *ethernetSwitch {
	return &ethernetSwitch{stations: map[station]*switchPort{}, captures: map[*capture]struct{}{}}
}

func (s *ethernetSwitch) plug(out func(frame []byte)) *switchPort {
	p := &switchPort{sw: s, out: out}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ports = append(s.ports, p)
	return p
}

// send takes a frame into the switch at this port. The frame is the switch's
// from then on.
func (p *switchPort) send(frame []byte) {
	if len(frame) < ethernetHeader {
		return
	}
	to, from := station(frame[0:6]), station(frame[6:12])
	p.sw.learn(from, p)
	p.sw.mu.RLock()
	defer p.sw.mu.RUnlock()
	if len(p.sw.captures) > 0 {
		now := time.Now()
		for c := range p.sw.captures {
			c.add(now, frame)
		}
	}
	if q := p.sw.stations[to]; q != nil && !to.group() {
		if q != p {
			q.out(frame)
		}
		return
	}
	for _, q := range p.sw.ports {
		if q != p {
			q.out(frame)
		}
	}
}

func (s *ethernetSwitch) learn(from station, p *switchPort) {
	if from.group() {
		return
	}
	s.mu.RLock()
	known := s.stations[from] == p
	s.mu.RUnlock()
	if known {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, moved := s.stations[from]; moved || len(s.stations) < maxStations {
		s.stations[from] = p
	}
}

// group tells a broadcast or multicast address.
func (a station) group() bool { return a[0]&1 != 0 }
