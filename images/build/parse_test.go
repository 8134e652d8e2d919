package build

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func TestMirror(t *testing.T) {
	for list, want := range map[string]string{
		"": "",
		"deb http://mirror.example/debian trixie main\n":                                "http://mirror.example/debian",
		"# deb http://no.example/debian x y\ndeb [a=b] https://m.example/debian/ x y":   "https://m.example/debian/",
		"Types: deb\n# URIs: http://no.example/debian\nURIs: http://m.example/debian\n": "http://m.example/debian",
		"deb http://m.example/ubuntu noble main\n":                                      "",
		"deb http://m.example/debian-security trixie main\n":                            "",
		"deb cdrom:[x]/ trixie main\ndeb file:/srv/debian trixie main\n":                "",
	} {
		if got := mirrorIn(list); got != want {
			t.Errorf("%q gives %q, want %q", list, got, want)
		}
	}
	t.Setenv(mirrorVariable, "http://chosen.example/debian")
	if got := mirror(); got != "http://chosen.example/debian" {
		t.Errorf("the variable does not win: %q", got)
	}
}

func TestTransport(t *testing.T) {
	dump := "APT \"\";\nAcquire::http::Proxy \"http://p.example:3128\";\nAcquire::http::Proxy-Auto-Detect \"/usr/bin/x\";\n" +
		"Acquire::https::m.example::Proxy \"DIRECT\";\nAcquire::Check-Valid-Until \"false\";\nDPkg::Post-Invoke \"rm -rf /\";\n"
	want := []string{`Acquire::http::Proxy "http://p.example:3128";`, `Acquire::https::m.example::Proxy "DIRECT";`, `Acquire::Check-Valid-Until "false";`}
	if got := transportIn(dump); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestLoadOrder(t *testing.T) {
	const dep = "kernel/a.ko.xz: kernel/b.ko.xz kernel/c.ko.xz\nkernel/b.ko.xz: kernel/c.ko.xz\nkernel/c.ko.xz:\nkernel/virtio-rng.ko.xz:\n"
	got, err := loadOrder(dep, []string{"a", "virtio_rng", "c"})
	if want := []string{"kernel/c.ko.xz", "kernel/b.ko.xz", "kernel/a.ko.xz", "kernel/virtio-rng.ko.xz"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := loadOrder(dep, []string{"none"}); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("got %v", err)
	}
}

// bzImage makes a kernel image with a payload.
func bzImage(payload []byte) []byte {
	bz := make([]byte, 1024)
	bz[setupSectsAt] = 1
	copy(bz[headerMagicAt:], "HdrS")
	binary.LittleEndian.PutUint16(bz[versionAt:], 0x20f)
	binary.LittleEndian.PutUint32(bz[payloadLengthAt:], uint32(len(payload)))
	return append(bz, payload...)
}

func compressed(t testing.TB, data string) []byte {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(data)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return binary.LittleEndian.AppendUint32(b.Bytes(), uint32(len(data)))
}

func TestUncompressKernel(t *testing.T) {
	elf, err := uncompressKernel(bzImage(compressed(t, "\x7fELF kernel")))
	if err != nil || string(elf) != "\x7fELF kernel" {
		t.Errorf("%q, %v", elf, err)
	}
	for name, bad := range map[string][]byte{
		"short":       []byte("MZ"),
		"not one":     make([]byte, 4096),
		"truncated":   bzImage(compressed(t, "\x7fELF kernel"))[:1040],
		"gzip":        bzImage([]byte("\x1f\x8b........")),
		"not ELF":     bzImage(compressed(t, "something else")),
		"old":         append(slices.Clone(bzImage(nil)[:versionAt]), make([]byte, 200)...),
		"no content":  bzImage(nil),
		"broken zstd": bzImage(append(compressed(t, "\x7fELF")[:8], 0, 0, 0, 0)),
	} {
		if _, err := uncompressKernel(bad); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestCpio(t *testing.T) {
	var c cpio
	c.add(cpioFile{name: "dev/console", mode: modeChar | 0o600, major: 5, minor: 1})
	c.add(cpioFile{name: "init", mode: modeRegular | 0o755, data: []byte("hello")})
	got := string(c.bytes())
	// Checked against what cpio(1) writes: GNU cpio -o -H newc.
	const console = "070701" + "00000001" + "00002180" + "00000000" + "00000000" + "00000001" + "00000000" + "00000000" +
		"00000000" + "00000000" + "00000005" + "00000001" + "0000000C" + "00000000" + "dev/console\x00\x00\x00"
	if !strings.HasPrefix(got, console) {
		t.Errorf("got %q", got[:len(console)])
	}
	if len(got)%4 != 0 || !strings.Contains(got, "hello\x00\x00\x00070701") || !strings.Contains(got, "TRAILER!!!") {
		t.Errorf("got %q", got)
	}
}

func TestMissingToolsAreNamedWithTheirPackages(t *testing.T) {
	err := checkTools(func(name string) (string, error) {
		if strings.HasSuffix(name, "qemu-img") || strings.HasSuffix(name, "mke2fs") {
			return "", errors.New("absent")
		}
		return name, nil
	})
	if err == nil || !strings.Contains(err.Error(), "needs mke2fs, qemu-img: install with 'apt-get install e2fsprogs qemu-utils'") {
		t.Errorf("got %v", err)
	}
}

func TestNoSpaceIsSaidBeforehand(t *testing.T) {
	if err := checkSpace(t.TempDir(), 1<<40); err == nil || !strings.Contains(err.Error(), "are free: make room or choose another cache folder") {
		t.Errorf("got %v", err)
	}
	if err := checkSpace(t.TempDir(), 0); err != nil {
		t.Error(err)
	}
}

func FuzzMirror(f *testing.F) {
	f.Add("deb http://m.example/debian trixie main\n")
	f.Fuzz(func(t *testing.T, list string) {
		if m := mirrorIn(list); m != "" && (strings.ContainsAny(m, " \t\n") || !strings.HasPrefix(m, "http")) {
			t.Errorf("%q gives %q", list, m)
		}
	})
}

func FuzzUncompressKernel(f *testing.F) {
	f.Add(bzImage(compressed(f, "\x7fELF")))
	f.Fuzz(func(t *testing.T, bz []byte) {
		if elf, err := uncompressKernel(bz); err == nil && !bytes.HasPrefix(elf, []byte("\x7fELF")) {
			t.Error("not ELF")
		}
	})
}

func FuzzLoadOrder(f *testing.F) {
	f.Add("a.ko: b.ko\nb.ko: a.ko\n")
	f.Fuzz(func(t *testing.T, dep string) {
		order, err := loadOrder(dep, []string{"a"})
		if err == nil && len(order) == 0 {
			t.Error("nothing to load")
		}
	})
}
