#!/bin/sh
# Makes the Windows lookalike out of a Debian system with Wine: runs once, in
# the image, when it is built.
set -eu

wine=/usr/lib/x86_64-linux-gnu/wine
dlls=$wine/x86_64-windows
stubs=/usr/local/lib/windows

# --- Network interfaces -----------------------------------------------------
# Debian's wine 10.0~repack-6 carries debian/patches/warnings/
# uninitialized-variables.patch, which makes GetAdaptersAddresses fail with
# ERROR_INVALID_DATA on a route of prefix length 0 without a gateway; Linux
# always has one (::/0 to lo, unreachable), so Go's net.Interfaces never works.
# Later revisions dropped the check. Here the six bytes of its conditional
# jump become a no-operation of the same length.
sha256() { sha256sum "$1" | cut -d ' ' -f 1; }
iphlpapi=$dlls/iphlpapi.dll
if [ "$(sha256 $iphlpapi)" != 44077405b24ceb01342cae238d0d04867ba28da0876f29fc9f1ec45eca4b418c ]; then
	echo "$iphlpapi is not that of wine 10.0~repack-6: see whether it still needs the correction in setup.sh" >&2
	exit 1
fi
printf '\146\017\037\104\000\000' | dd of=$iphlpapi bs=1 seek=$((0xdb77)) conv=notrunc status=none
if [ "$(sha256 $iphlpapi)" != 95e9e38595aeab4ad1579f62c6eed811922c9beb931647f09d63858522fb617d ]; then
	echo "the correction of $iphlpapi went wrong" >&2
	exit 1
fi

# --- Size -------------------------------------------------------------------
# Debug information is two thirds of Wine; sound, graphics, browser and
# desktop are most of the rest. Their Linux libraries go with them.
strip --strip-debug $dlls/*
dpkg --purge binutils binutils-common binutils-x86-64-linux-gnu libbinutils libctf0 libctf-nobfd0 libgprofng0 libsframe1 libjansson4 >/dev/null 2>&1 || true
rm -rf $wine/i386-windows
cd $dlls
rm -f d3d* dx* wined3d.dll winevulkan.dll vulkan-1.dll opengl32.dll glu32.dll ddraw*.dll d2d1.dll dwrite.dll dcomp.dll \
	x3daudio* xactengine* xapofx* xaudio* xinput* dinput* dsound.dll dm[bcilsu]* dplay* dpn* dpvoice.dll dpvsetup.exe dswave.dll \
	quartz.dll q*.dll mf*.dll mp3dmod.dll ms*dec* msttsengine.dll wm[apv]*.dll wmplayer.exe evr.dll amstream.dll winegstreamer.dll winedmo.dll \
	sapi.dll mci*.dll l3codec* msacm32.drv winealsa.drv winepulse.drv winewayland.drv winex11.drv hrtfapo.dll devenum.dll \
	mshtml.* ieframe.dll iexplore.exe npmshtml.dll mshta.exe jscript.dll vbscript.dll hhctrl.ocx msxml.dll msxml[246].dll dhtmled.ocx inetcpl.cpl \
	msvcp[67]* msvcp[89]* msvcp1[012]* msvcr[789]* msvcr1* msvcrt20.dll msvcrt40.dll msvcrtd.dll crtdll.dll vcomp* \
	light.msstyles uiautomationcore.dll uiribbon.dll riched*.dll msftedit.dll gdiplus.dll windowscodecsext.dll wmphoto.dll \
	winedbg.exe winemenubuilder.exe winecfg.exe winefile.exe winemine.exe wordpad.exe notepad.exe taskmgr.exe regedit.exe oleview.exe view.exe progman.exe clock.exe \
	gphoto2.ds twain_32.dll sti.dll wiaservc.dll wineps.drv capi2032.dll opencl.dll wpcap.dll winusb.dll wineusb.sys winebth.sys winbluetooth* bluetoothapis.dll \
	hid*.sys winehid.sys winebus.sys winexinput.sys mouhid.sys windows.gaming* windows.media* windows.devices* windows.ui.dll graphicscapture.dll joy.cpl
# They accept anything, do nothing and report success: see doubles/absent.
refused='arp cacls certutil dism extrac32 fsutil icacls lodctr msinfo32 netsh pnputil schtasks sdbinst secedit setx subst systeminfo unlodctr wevtutil'
for name in $refused shutdown powershell; do
	rm -f "$name.exe"
done
cd $wine/x86_64-unix
rm -f avicap32.so capi2032.so ctapi32.so gphoto2.so opencl.so opengl32.so qcap.so winealsa.so winebth.so winebus.so winedmo.so \
	winegstreamer.so wineps.so winepulse.so wineusb.so winevulkan.so winewayland.so winex11.so winscard.so wpcap.so dwrite.so
cd /
dpkg --force-depends --purge iso-codes libx265-215 libx264-164 libavcodec61 libavformat61 libavutil59 libswresample5 libcodec2-1.2 \
	libsvtav1enc2 libaom3 libdav1d7 librav1e0.7 libvpx9 libjxl0.11 libhwy1t64 libheif1 libheif-plugin-dav1d libheif-plugin-libde265 libde265-0 \
	librsvg2-2 libgstreamer1.0-0 libgstreamer-plugins-base1.0-0 shared-mime-info libgphoto2-6t64 libgphoto2-port12t64 libexif12 \
	libopenmpt0t64 libopus0 libgdk-pixbuf-2.0-0 libgdk-pixbuf2.0-common xkb-data libcairo2 libcairo-gobject2 libgav1-1 libavif16 libabsl20240722 \
	libpango-1.0-0 libpangocairo-1.0-0 libpangoft2-1.0-0 libx11-data libx11-6 libpulse0 libasound2t64 libasound2-data libgd3 \
	libvorbis0a libvorbisenc2 libvorbisfile3 libtheoradec1 libtheoraenc1 libmbedcrypto16 libsrt1.5-gnutls libzvbi0t64 libzvbi-common \
	libbluray2 libchromaprint1 libsndfile1 libmp3lame0 libmpg123-0t64 libgme0 libxvidcore4 libtiff6 libwebp7 libimagequant0 >/dev/null 2>&1

# --- The prefix: drive C: and the registry ----------------------------------
set -a
. /etc/default/wine
set +a
server=/usr/lib/wine/wineserver64
run() { /usr/lib/wine/wine64 "$@" </dev/null >/tmp/wine.log 2>&1 || { cat /tmp/wine.log >&2; echo "setup.sh: $* failed" >&2; exit 1; }; }
mkdir -p "$WINEPREFIX"
# Without a driver for windows COM does not work, and with it msiexec.
cat >"$WINEPREFIX/user.reg" <<'END'
WINE REGISTRY Version 2
;; All keys relative to \\User\\S-1-5-21-0-0-0-1000

#arch=win64

[Software\\Wine\\Drivers]
"Graphics"="null"
END
$server --persistent
run wineboot.exe --init
reg() { run reg.exe add "$1" /v "$2" /t "$3" /d "$4" /f; }
# A name of its own instead of the building machine's.
reg 'HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName' ComputerName REG_SZ WIN-LOOKALIKE
reg 'HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters' Hostname REG_SZ win-lookalike
reg 'HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters' Domain REG_SZ ''
# Wine says it is Windows 10; the catalogue says Windows Server 2022.
version='HKLM\Software\Microsoft\Windows NT\CurrentVersion'
reg "$version" CurrentBuild REG_SZ 20348
reg "$version" CurrentBuildNumber REG_SZ 20348
reg "$version" ProductName REG_SZ 'Windows Server 2022 Standard'
reg "$version" DisplayVersion REG_SZ 21H2
reg "$version" InstallationType REG_SZ 'Server Core'
reg 'HKLM\SYSTEM\CurrentControlSet\Control\ProductOptions' ProductType REG_SZ ServerNT
# Wine's 10 s for a service to come up are too few for an emulated machine.
reg 'HKLM\SYSTEM\CurrentControlSet\Control' ServicesPipeTimeout REG_DWORD 120000
# A Windows fresh from the medium, in no domain: its time service waits to be
# asked for.
zone='HKLM\SYSTEM\CurrentControlSet\Control\TimeZoneInformation'
reg "$zone" TimeZoneKeyName REG_SZ UTC
reg 'HKLM\SYSTEM\CurrentControlSet\Services\W32Time\Parameters' NtpServer REG_SZ 'time.windows.com,0x8'
reg 'HKLM\SYSTEM\CurrentControlSet\Services\W32Time\Parameters' Type REG_SZ NTP
run sc.exe create W32Time binPath= 'C:\windows\system32\w32tm.exe service' start= demand DisplayName= 'Windows Time'
# Every start would look for Linux desktop menus to fill.
run reg.exe delete 'HKLM\Software\Microsoft\Windows\CurrentVersion\RunServices' /f
# Services that nothing here asks for would start with every boot: on demand.
for s in PlugPlay Eventlog; do
	reg "HKLM\\SYSTEM\\CurrentControlSet\\Services\\$s" Start REG_DWORD 3
done
$server --kill
$server --wait
# The prefix stays as it is when Wine finds another time stamp.
echo disable >"$WINEPREFIX/.update-timestamp"
rm -f "$WINEPREFIX/dosdevices/z:" "$WINEPREFIX"/dosdevices/com* "$WINEPREFIX"/dosdevices/lpt*

# Wine puts a copy of each of its libraries into the prefix. One of each does.
cd "$WINEPREFIX/drive_c/windows"
for f in system32/*; do
	if [ -f "$f" ] && cmp -s "$f" "$dlls/${f##*/}"; then
		ln -f "$dlls/${f##*/}" "$f"
	fi
done
rm -rf winsxs/*vc80* winsxs/*vc90* winsxs/*gdiplus* winsxs/*msxml* resources/themes Installer/*
for name in $refused; do
	ln -f $stubs/absent.exe "system32/$name.exe"
done
ln -f $stubs/absent.exe system32/WindowsPowerShell/v1.0/powershell.exe
for name in shutdown tzutil w32tm; do
	ln -f $stubs/$name.exe system32/$name.exe
done
mkdir -p '../Program Files/guestd/plugins' ../ProgramData/guestd

# --- Starting ---------------------------------------------------------------
for name in init reboot poweroff halt; do
	ln -sf /usr/bin/busybox /usr/sbin/$name
done
rm -f /tmp/wine.log
