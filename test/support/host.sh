#!/bin/sh
# host.sh DIRECTORY CGROUP-PARENT NODE: a throwaway host, from birth to burial.
#
# Says its init's pid and then `ready` on standard output. Lives until standard input is at its end, which comes
# with the end of the test's process, however that ends. Then every process in it is killed, and its
# cgroups and its directory are removed; whatever can't be is told on standard error.
directory=$1 parent=$2
here=$(dirname "$0")

unshare --net --mount --uts --pid --fork --kill-child sh "$here/host-init.sh" "$@"
status=$?

# On cgroup v2 there is one hierarchy, on v1 one a controller.
for top in "/sys/fs/cgroup/$parent" /sys/fs/cgroup/*/"$parent"; do
  for try in 1 2 3 4 5 6 7 8 9 10; do
    [ -d "$top" ] || break
    # The killed leave their cgroups a moment after they are reaped.
    find "$top" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.05
  done
  if [ -d "$top" ]; then echo "cgroup $top is still in use" >&2; fi
done
rm -rf "$directory"
exit $status
