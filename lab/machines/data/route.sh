#!/bin/sh
# route.sh: becomes the routing daemons of one switch: enters its cgroups and its namespace, and runs FRR out of an image, on mounts that
# nobody else sees and that end with it. Run in mount and UTS namespaces of its own. FRR takes every namespace in /run/netns for a VRF,
# and here it sees no others than those in VRFS (name=path ...). CONFIG: a folder with daemons, vtysh.conf and frr.conf.
umask 022
IFS=:
for group in $CGROUPS; do
    { echo $$ > "$group/cgroup.procs"; } 2>/dev/null || exit 97
done
unset IFS
echo "$NAME" > /proc/sys/kernel/hostname
mount -t tmpfs -o mode=755 ram "$RAM" && mkdir "$RAM/upper" "$RAM/work" || exit 96
mount -t overlay -o "lowerdir=$LOWER,upperdir=$RAM/upper,workdir=$RAM/work" frr "$ROOT" || exit 96
mount -t tmpfs -o mode=755 run "$ROOT/run" && mkdir -p "$ROOT/run/frr" "$ROOT/run/netns" || exit 96
mount -t proc proc "$ROOT/proc" || exit 96
nsenter "--net=$NETWORK" mount -t sysfs sys "$ROOT/sys" || exit 96
for vrf in $VRFS; do
    : > "$ROOT/run/netns/${vrf%%=*}" && nsenter "--net=${vrf#*=}" mount --bind /proc/self/ns/net "$ROOT/run/netns/${vrf%%=*}" || exit 96
done
cp "$CONFIG"/* "$ROOT/etc/frr/" && chroot "$ROOT" chown -R frr:frr /etc/frr /run/frr || exit 96
exec nsenter "--net=$NETWORK" chroot "$ROOT" /usr/lib/frr/watchfrr -l 5 zebra bgpd staticd
