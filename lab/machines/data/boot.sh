#!/bin/sh
# Becomes a machine: enters its cgroups, mounts its root where only it sees it (so that mounts end with the machine), starts nspawn.
# Run in a mount namespace of its own. Ends with 97 if the run is over, with 98 if there is nothing to boot.
umask 022  # not that of the lab, or nobody but root could read what is made here
IFS=:
for group in $CGROUPS; do
    { echo $$ > "$group/cgroup.procs"; } 2>/dev/null || exit 97
done
unset IFS
if [ -n "$DISK" ]; then
    mount -t ext4 "$DISK" "$ROOT" 2>/dev/null || exit 98
else
    [ -z "$MEDIUM" ] || mount -t squashfs -o ro "$MEDIUM" "$LOWER" || exit 98
    mount -t tmpfs -o mode=755 ram "$RAM" || exit 96
    mkdir "$RAM/upper" "$RAM/work"
    mount -t overlay -o "lowerdir=$LOWER,upperdir=$RAM/upper,workdir=$RAM/work" live "$ROOT" || exit 96
    cp -r "$SEED/." "$ROOT/" || exit 96
fi
[ -x "$ROOT/sbin/lab-init" ] || exit 98
exec "$@"
