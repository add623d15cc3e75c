#!/bin/sh
# add-packages.sh ROOT APT-GET-ARGUMENTS...: installs packages into a root file system, in a mount namespace of its own. No service is
# started.
set -e
root=$1
shift
export DEBIAN_FRONTEND=noninteractive
cp /etc/resolv.conf "$root/etc/resolv.conf"
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
mount -t proc proc "$root/proc"
chroot "$root" apt-get -q update
chroot "$root" apt-get -q -y "$@"
chroot "$root" apt-get clean
rm -rf "$root/usr/sbin/policy-rc.d" "$root"/var/lib/apt/lists/*
