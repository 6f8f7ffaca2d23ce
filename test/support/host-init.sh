# PID 1 of a throwaway host: makes its surroundings, then waits for its end (see host.sh).
set -e
directory=$1 parent=$2 node=$3
here=$(dirname "$0")
outside=$directory/outside

# The machine's /proc is still mounted: this is the pid by which the test knows us.
read -r pid rest </proc/self/stat

. "$here/private-mounts.sh"
hostname drawbridge-host

# Outside: a namespace that knows the host's address, and no way to any container's.
: >"$outside"
unshare --net="$outside" true
nsenter --net="$outside" "$node" "$here/outside.ts" 2>"$directory/outside.log" </dev/null &

# What a test will assert starts as its opposite.
echo 0 >/proc/sys/net/ipv4/ip_forward
echo 0 >/proc/sys/net/ipv6/conf/all/forwarding

ip -batch - <<END
link add eth0 type veth peer name host netns $outside
address add 203.0.113.2/24 broadcast 203.0.113.255 dev eth0
address add 2001:db8::2/64 dev eth0 nodad
link set eth0 up
route add default via 203.0.113.1
route add default via 2001:db8::1 dev eth0
END
nsenter --net="$outside" ip -batch - <<END
link set lo up
address add 198.51.100.10/32 dev lo
address add 2001:db8:ffff::10/128 dev lo
address add 203.0.113.1/24 broadcast 203.0.113.255 dev host
address add 2001:db8::1/64 dev host nodad
link set host up
END

# Often a link into /run, which is empty here.
resolv=$(readlink -m /etc/resolv.conf)
mkdir -p "$(dirname "$resolv")"
[ -e "$resolv" ] || : >"$resolv"
echo "nameserver 203.0.113.1" >"$directory/resolv.conf"
mount --bind "$directory/resolv.conf" "$resolv"

echo "$pid"
# Waiting, not reading: an init has to reap what others orphan.
exec 3<&0
cat <&3 >/dev/null &
wait $!

# A frozen process can't be killed.
find /sys/fs/cgroup/freezer/"$parent" -name freezer.state 2>/dev/null | while read -r state; do
  echo THAWED >"$state"
done
