#!/bin/sh
# speak.sh ARGUMENTS...: becomes the lldpd of one device: enters its cgroups and the namespace of its ports, and runs lldpd out of an
# image, on mounts that nobody else sees and that end with it. Run in a mount namespace of its own. CONFIG: its lldpd.conf.
umask 022
IFS=:
for group in $CGROUPS; do
    { echo $$ > "$group/cgroup.procs"; } 2>/dev/null || exit 97
done
unset IFS
mount --bind "$LOWER" "$ROOT" && mount -o remount,bind,ro "$ROOT" || exit 96
mount -t tmpfs -o mode=755 run "$ROOT/run" && mkdir "$ROOT/run/lldpd" && cat "$CONFIG" > "$ROOT/run/lldpd.conf" || exit 96
mount -t proc proc "$ROOT/proc" || exit 96
nsenter "--net=$NETWORK" mount -t sysfs sys "$ROOT/sys" || exit 96
exec nsenter "--net=$NETWORK" chroot "$ROOT" /usr/sbin/lldpd -d -O /run/lldpd.conf "$@"
