/** Rule sets of the shape that other engines give theirs: one published port, two networks. */

/** dockerd 28 and later, `--firewall-backend=nftables`: verdict maps by bridge. */
export const DOCKERD = `table ip docker-bridges {
 map filter-forward-in-jumps {
  type ifname : verdict
  elements = { "docker0" : jump filter-forward-in__docker0, "bridge1" : jump filter-forward-in__bridge1 }
 }
 map filter-forward-out-jumps {
  type ifname : verdict
  elements = { "docker0" : jump filter-forward-out__docker0, "bridge1" : jump filter-forward-out__bridge1 }
 }
 map nat-postrouting-out-jumps {
  type ifname : verdict
  elements = { "docker0" : jump nat-postrouting-out__docker0, "bridge1" : jump nat-postrouting-out__bridge1 }
 }
 chain filter-FORWARD {
  type filter hook forward priority filter; policy accept;
  oifname vmap @filter-forward-in-jumps
  iifname vmap @filter-forward-out-jumps
 }
 chain nat-PREROUTING {
  type nat hook prerouting priority dstnat; policy accept;
  fib daddr type local counter jump nat-prerouting-and-output
 }
 chain nat-OUTPUT {
  type nat hook output priority -100; policy accept;
  ip daddr != 127.0.0.0/8 fib daddr type local counter jump nat-prerouting-and-output
 }
 chain nat-POSTROUTING {
  type nat hook postrouting priority srcnat; policy accept;
  iifname vmap @nat-postrouting-out-jumps
 }
 chain raw-PREROUTING {
  type filter hook prerouting priority raw; policy accept;
  ip daddr 172.18.0.2 iifname != "bridge1" counter drop comment "DROP DIRECT ACCESS"
 }
 chain nat-prerouting-and-output {
  iifname != "bridge1" tcp dport 8080 counter dnat to 172.18.0.2:80 comment "DNAT"
 }
 chain filter-forward-in__docker0 {
  ct state established,related counter accept
  iifname "docker0" counter accept comment "ICC"
  counter drop comment "UNPUBLISHED PORT DROP"
 }
 chain filter-forward-out__docker0 {
  ct state established,related counter accept
  counter accept comment "OUTGOING"
 }
 chain nat-postrouting-out__docker0 {
  oifname != "docker0" ip saddr 172.17.0.0/16 counter masquerade comment "MASQUERADE"
 }
 chain filter-forward-in__bridge1 {
  ct state established,related counter accept
  iifname "bridge1" counter accept comment "ICC"
  ip daddr 172.18.0.2 tcp dport 80 counter accept
  counter drop comment "UNPUBLISHED PORT DROP"
 }
 chain filter-forward-out__bridge1 {
  ct state established,related counter accept
  counter accept comment "OUTGOING"
 }
 chain nat-postrouting-out__bridge1 {
  oifname != "bridge1" ip saddr 172.18.0.0/16 counter masquerade comment "MASQUERADE"
 }
}`;

/** Netavark 1.10 and later, `firewall_driver=nftables`: hairpins are told by a mark. */
export const NETAVARK = `table inet netavark {
 chain INPUT {
  type filter hook input priority filter; policy accept;
  ip saddr 10.88.0.0/16 meta l4proto { tcp, udp } th dport 53 accept
 }
 chain FORWARD {
  type filter hook forward priority filter; policy accept;
  ct state invalid drop
  jump NETAVARK-ISOLATION-1
  ip daddr 10.88.0.0/16 ct state established,related accept
  ip saddr 10.88.0.0/16 accept
 }
 chain POSTROUTING {
  type nat hook postrouting priority srcnat; policy accept;
  meta mark & 0x00002000 == 0x00002000 masquerade
  ip saddr 10.88.0.0/16 jump nv_podman
 }
 chain PREROUTING {
  type nat hook prerouting priority dstnat; policy accept;
  fib daddr type local jump NETAVARK-HOSTPORT-DNAT
 }
 chain OUTPUT {
  type nat hook output priority -100; policy accept;
  fib daddr type local jump NETAVARK-HOSTPORT-DNAT
 }
 chain NETAVARK-HOSTPORT-DNAT {
  tcp dport 8080 jump nv_web_dnat
 }
 chain NETAVARK-HOSTPORT-SETMARK {
  meta mark set meta mark | 0x00002000
 }
 chain NETAVARK-ISOLATION-1 {
  iifname "docker0" oifname != "docker0" jump NETAVARK-ISOLATION-2
 }
 chain NETAVARK-ISOLATION-2 {
  oifname "bridge1" drop
 }
 chain nv_web_dnat {
  ip saddr 10.88.0.0/16 tcp dport 8080 jump NETAVARK-HOSTPORT-SETMARK
  ip saddr 127.0.0.1 tcp dport 8080 jump NETAVARK-HOSTPORT-SETMARK
  tcp dport 8080 dnat ip to 10.88.0.2:80
 }
 chain nv_podman {
  ip daddr 10.88.0.0/16 accept
  ip daddr != 224.0.0.0/4 masquerade
 }
}`;
