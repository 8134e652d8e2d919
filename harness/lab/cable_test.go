package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestCutAndMend(t *testing.T) {
	l := newTestLab(t, Options{})
	g := attach(t, l, 0)
	g.echo(t, 22)
	conn, err := l.Dial(testContext(t), "tcp", "198.51.100.100:22")
	if err != nil {
		t.Fatal(err)
	}
	if err := roundTrip(conn, "before"); err != nil {
		t.Fatal(err)
	}
	l.Cable(0).Cut()
	if err := conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("while cut")); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 9)); !isTimeout(err) {
		t.Fatalf("%d bytes and %v through a cut cable", n, err)
	}
	if counts := l.Cable(0).Counts(); counts.LostToGuest == 0 {
		t.Errorf("nothing lost: %+v", counts)
	}
	l.Cable(0).Mend()
	if err := conn.SetReadDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 9)
	if _, err := conn.Read(got); err != nil || string(got) != "while cut" {
		t.Fatalf("%q, %v after the cable was mended", got, err)
	}
	ctx, cancel := context.WithTimeout(testContext(t), 200*time.Millisecond)
	defer cancel()
	l.Cable(0).Cut()
	if err := l.WaitGuest(ctx, 22); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("guest answers through a cut cable: %v", err)
	}
}

func TestDelay(t *testing.T) {
	l := newTestLab(t, Options{})
	g := attach(t, l, 0)
	g.echo(t, 22)
	conn, err := l.Dial(testContext(t), "tcp", "198.51.100.100:22")
	if err != nil {
		t.Fatal(err)
	}
	const delay = 60 * time.Millisecond
	l.Cable(0).Delay(delay)
	begun := time.Now()
	if err := roundTrip(conn, "slow"); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < 2*delay {
		t.Errorf("there and back in %s, want %s or more", took, 2*delay)
	}
	// What is on its way comes at once when the delay goes.
	l.Cable(0).Delay(time.Hour)
	answered := make(chan error, 1)
	go func() { answered <- roundTrip(conn, "stuck") }()
	waitFor(t, func() bool { return l.Cable(0).Counts().HeldToGuest > 0 })
	l.Cable(0).Delay(0)
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
}

// throw sends numbered frames through a lane and tells which ones arrive.
func throw(t *testing.T, set func(*Cable), frames uint32) []uint32 {
	t.Helper()
	c := newCable()
	set(c)
	ctx, cancel := context.WithCancel(t.Context())
	var arrived []uint32
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.fromGuest.run(ctx, func(frame []byte) {
			arrived = append(arrived, binary.BigEndian.Uint32(frame))
		})
	}()
	for n := range frames {
		c.fromGuest.enter(binary.BigEndian.AppendUint32(nil, n))
	}
	waitFor(t, func() bool {
		counts := c.Counts()
		return counts.FromGuest+counts.LostFromGuest == uint64(frames)
	})
	cancel()
	<-done
	return arrived
}

func TestDropIsSeeded(t *testing.T) {
	drop := func(seed uint64) []uint32 {
		return throw(t, func(c *Cable) { c.Drop(0.25, seed) }, 2000)
	}
	one, again, other := drop(1), drop(1), drop(2)
	if !slices.Equal(one, again) {
		t.Error("the same seed lost other frames")
	}
	if slices.Equal(one, other) {
		t.Error("another seed lost the same frames")
	}
	if n := len(one); n < 1400 || n > 1600 {
		t.Errorf("%d of 2000 arrived, want about 1500", n)
	}
	if !slices.IsSorted(one) {
		t.Error("out of order")
	}
	if n := len(throw(t, func(c *Cable) { c.Drop(1, 1) }, 100)); n != 0 {
		t.Errorf("%d arrived although all were to be lost", n)
	}
	if n := len(throw(t, func(c *Cable) { c.Drop(1, 1); c.Drop(0, 1) }, 100)); n != 100 {
		t.Errorf("%d arrived although none was to be lost", n)
	}
}

func TestDropLeavesTCPWorking(t *testing.T) {
	l := newTestLab(t, Options{})
	g := attach(t, l, 0)
	g.echo(t, 22)
	conn, err := l.Dial(testContext(t), "tcp", "198.51.100.100:22")
	if err != nil {
		t.Fatal(err)
	}
	l.Cable(0).Drop(0.05, 7)
	for n := range 30 {
		if err := roundTrip(conn, fmt.Sprintf("message %d", n)); err != nil {
			t.Fatal(err)
		}
	}
	if counts := l.Cable(0).Counts(); counts.LostToGuest+counts.LostFromGuest == 0 {
		t.Errorf("nothing lost: %+v", counts)
	}
}

func TestSwitchLearnsAndForgetsNothingElse(t *testing.T) {
	sw := newSwitch()
	got := map[string]int{}
	var ports []*switchPort
	for _, name := range []string{"a", "b", "c"} {
		ports = append(ports, sw.plug(func([]byte) { got[name]++ }))
	}
	frame := func(to, from byte) []byte {
		f := make([]byte, minFrame)
		f[0], f[5], f[6], f[11] = 2, to, 2, from
		return f
	}
	broadcast := frame(0, 1)
	copy(broadcast, "\xff\xff\xff\xff\xff\xff")
	for _, step := range []struct {
		port  int
		frame []byte
		want  string
	}{
		{0, frame(2, 1), "map[b:1 c:1]"}, // 2 is unknown: to all
		{1, frame(1, 2), "map[a:1]"},     // 1 was learned
		{0, frame(2, 1), "map[b:1]"},     // 2 too
		{2, frame(1, 1), "map[]"},        // 1 has moved to c: nothing goes back
		{0, frame(1, 3), "map[c:1]"},     // and is found there
		{0, broadcast, "map[b:1 c:1]"},   // to all but its sender
		{1, make([]byte, 13), "map[]"},   // no frame
		{0, frame(3, 9), "map[]"},        // to its own port
	} {
		clear(got)
		ports[step.port].send(step.frame)
		if fmt.Sprint(got) != step.want {
			t.Errorf("from port %d: %v, want %s", step.port, got, step.want)
		}
	}
	for n := range uint32(2 * maxStations) {
		f := frame(1, 0)
		binary.BigEndian.PutUint32(f[7:], n)
		ports[0].send(f)
	}
	if len(sw.stations) > maxStations {
		t.Errorf("%d stations", len(sw.stations))
	}
}
