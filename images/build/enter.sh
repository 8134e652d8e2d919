# Enters the root file system $1 and runs the rest of the arguments in it. It
# is the first program of mount, process, UTS and IPC namespaces of its own:
# whatever it mounts, and whatever a package's script leaves running, is gone
# when it ends, however it ends.
set -eu
root=$1
network=$2
shift 2
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755,nosuid dev "$root/dev"
for node in null zero full random urandom tty; do
	: >"$root/dev/$node"
	mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
mount -t tmpfs -o mode=755 run "$root/run"
mkdir -m 1777 "$root/run/lock"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
if [ "$network" = yes ]; then
	# Name service and trusted authorities of this machine, for apt.
	for file in /etc/resolv.conf /etc/hosts; do
		[ -e "$root$file" ] || : >"$root$file"
		mount --bind "$(readlink -f "$file")" "$root$file"
	done
	[ ! -d /etc/ssl/certs ] || [ ! -d "$root/etc/ssl/certs" ] || mount --bind /etc/ssl/certs "$root/etc/ssl/certs"
fi
exec chroot "$root" "$@"
