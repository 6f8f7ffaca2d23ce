# Sourced by a shell that `unshare --net --mount --pid` has started: what belongs to the new namespaces is
# mounted over what belonged to the machine's. Mounts are private, so nothing of this is seen outside.

mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir /run/netns /run/lock /run/cgroup

# A sysfs shows the links of the namespace in which it was mounted; cgroups are kept.
mount --rbind /sys/fs/cgroup /run/cgroup
mount -t sysfs sysfs /sys
mount --move /run/cgroup /sys/fs/cgroup
rmdir /run/cgroup

# crun refuses cgroup v1 with the hybrid `unified` mount beside it. In its place it makes plain directories: a
# tmpfs of our own takes them, or they would stay in the machine's.
if [ -d /sys/fs/cgroup/unified ]; then
  umount -l /sys/fs/cgroup/unified
  mount -t tmpfs tmpfs /sys/fs/cgroup/unified
fi

ip link set lo up
