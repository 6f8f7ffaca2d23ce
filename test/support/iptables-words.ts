/** iptables-save(8)'s own words, of all that is read. */

/** Every match and target that is read to its last field, each in the words that iptables-save(8) has for it. */
export const ALL_WORDS = {
  4: `*nat
:PREROUTING ACCEPT
:INPUT ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A PREROUTING -p tcp -j DNAT --to-destination 172.17.0.2:80
-A PREROUTING -p tcp -j DNAT --to-destination 172.17.0.2-172.17.0.9:80-90 --random --persistent
-A PREROUTING -p tcp -j DNAT --to-destination 172.17.0.2:80-90/8000
-A PREROUTING -j DNAT --to-destination 172.17.0.2
-A PREROUTING -p tcp -j REDIRECT --to-ports 80
-A PREROUTING -p tcp -j REDIRECT --to-ports 80-90 --random
-A PREROUTING -p tcp -j REDIRECT
-A POSTROUTING -j MASQUERADE
-A POSTROUTING -p tcp -j MASQUERADE --to-ports 1024-2000 --random-fully
-A POSTROUTING -j SNAT --to-source 1.2.3.4
-A POSTROUTING -p udp -j SNAT --to-source 1.2.3.4:100-200 --random
-A POSTROUTING -j NETMAP --to 10.0.0.0/24
COMMIT
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
-A INPUT -j REJECT --reject-with icmp-port-unreachable
-A INPUT -j REJECT --reject-with icmp-host-prohibited
-A INPUT -p tcp -j REJECT --reject-with tcp-reset
-A INPUT -j QUEUE
COMMIT
*raw
:PREROUTING ACCEPT
:OUTPUT ACCEPT
-A PREROUTING -j CT --notrack
-A PREROUTING -j NOTRACK
-A PREROUTING -j CT --zone 5
-A PREROUTING -j TRACE
COMMIT
*mangle
:PREROUTING ACCEPT
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A PREROUTING -m rpfilter --loose --validmark --accept-local --invert
-A PREROUTING -p tcp -j TPROXY --on-port 80 --on-ip 127.0.0.1 --tproxy-mark 0x1/0x1
-A PREROUTING -j NFQUEUE --queue-num 3
-A PREROUTING -j NFQUEUE --queue-balance 3:5 --queue-bypass
-A INPUT -m conntrack --ctstate NEW,DNAT --ctproto 6 --ctorigsrc 10.0.0.0/8 ! --ctreplsrc 1.2.3.4 --ctorigdstport 80 --ctreplsrcport 1:2 --ctstatus EXPECTED,ASSURED --ctexpire 1:30 --ctdir REPLY
-A INPUT -m conntrack ! --ctstate INVALID,NEW,UNTRACKED,SNAT ! --ctstatus NONE
-A INPUT -m conntrack --ctstatus NONE
-A INPUT -m state --state NEW,RELATED
-A INPUT -m addrtype ! --src-type UNICAST,BROADCAST --dst-type LOCAL --limit-iface-in
-A INPUT -p tcp -m multiport ! --dports 1,2,3:4
-A INPUT -p udp -m multiport --ports 1,2,3:4
-A INPUT -m iprange --src-range 1.2.3.4-2.3.4.5 ! --dst-range 3.4.5.6-4.5.6.7
-A INPUT -m mac ! --mac-source 00:11:22:33:44:55
-A INPUT -m pkttype ! --pkt-type multicast
-A INPUT -m limit --limit 3/min --limit-burst 10
-A INPUT -m limit --limit 100/sec
-A INPUT -m statistic --mode random --probability 0.33300000010
-A INPUT -m statistic --mode nth --every 3 --packet 1
-A INPUT -m ttl --ttl-lt 64
-A INPUT -m ttl ! --ttl-eq 64
-A INPUT -m length ! --length 100:200
-A INPUT -m length --length 100
-A INPUT -m dscp ! --dscp 0x0a
-A INPUT -m tos --tos 0x10/0x3f
-A INPUT -m connlimit --connlimit-above 20 --connlimit-mask 24 --connlimit-saddr
-A INPUT -m connlimit --connlimit-upto 20 --connlimit-mask 32 --connlimit-daddr
-A INPUT -p icmp -m icmp ! --icmp-type 3/4
-A INPUT -p icmp -m icmp --icmp-type any
-A INPUT -p tcp -m tcp --sport 0:1024 ! --dport 80:65535 ! --tcp-flags SYN,RST SYN
-A INPUT -m comment --comment "it\\'s a \\"comment\\" x"
-A INPUT -m comment --comment "plain;"
-A INPUT -m hashlimit --hashlimit-upto 5/sec --hashlimit-burst 7 --hashlimit-mode srcip,dstport --hashlimit-name foo
-A INPUT -m recent --set --name foo --mask 255.255.255.255 --rsource
-A INPUT -m recent --rcheck --seconds 20 --hitcount 3 --name bar --mask 255.255.255.255 --rdest
-A INPUT -m socket --transparent --nowildcard
-A INPUT -m helper --helper ftp
-A INPUT -s 10.0.0.1/255.0.0.255 ! -p udp -f
-A INPUT -p 99
-A INPUT -p esp
-A INPUT -m mark ! --mark 0x1/0xff -m connmark --mark 0x5
-A INPUT -j LOG --log-prefix "[UFW BLOCK] " --log-level 7 --log-tcp-options --log-uid
-A INPUT -j LOG
-A INPUT -j NFLOG --nflog-prefix "x y" --nflog-group 3 --nflog-size 10 --nflog-threshold 2
-A FORWARD -m physdev --physdev-in veth+ ! --physdev-is-bridged
-A FORWARD -p tcp -m tcp --tcp-flags SYN SYN -j TCPMSS --set-mss 1400
-A OUTPUT -m owner --uid-owner 0-100 ! --gid-owner 5
-A OUTPUT -m owner --socket-exists
-A POSTROUTING -j MARK --set-xmark 0x1/0xff
-A POSTROUTING -j MARK --set-xmark 0x1/0xff
-A POSTROUTING -j MARK --set-xmark 0x1/0xffffffff
-A POSTROUTING -j MARK --set-xmark 0x0/0xfffffffe
-A POSTROUTING -j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff
-A POSTROUTING -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff
-A POSTROUTING -j CONNMARK --set-xmark 0x5/0x6
-A POSTROUTING -p udp -j CHECKSUM --checksum-fill
-A POSTROUTING -j CLASSIFY --set-class 0001:0010
-A POSTROUTING -j DSCP --set-dscp 0x0a
-A POSTROUTING -j TOS --set-tos 0x10/0x3f
-A POSTROUTING -j TTL --ttl-dec 1
COMMIT
`,
  6: `*nat
:PREROUTING ACCEPT
:INPUT ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A PREROUTING -p tcp -j DNAT --to-destination [2001::5]:80
-A PREROUTING -j DNAT --to-destination 2001::5
-A PREROUTING -p tcp -j DNAT --to-destination [2001::5-2001::7]:80-90
-A PREROUTING -p tcp -j REDIRECT --to-ports 80
-A POSTROUTING -j MASQUERADE
-A POSTROUTING -j SNAT --to-source 2001::6
-A POSTROUTING -j NETMAP --to 2001:db8::/64
COMMIT
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
-A INPUT -j REJECT --reject-with icmp6-port-unreachable
-A INPUT -j REJECT --reject-with icmp6-adm-prohibited
-A INPUT -p tcp -j REJECT --reject-with tcp-reset
COMMIT
*mangle
:PREROUTING ACCEPT
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 128
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 1/4 -m hl --hl-eq 255
-A INPUT -m hl --hl-lt 255
-A INPUT -s 2001:db8::/32 ! -d ff00::/8
-A INPUT -m iprange --src-range 2001::1-2002::2
-A INPUT -m connlimit --connlimit-above 20 --connlimit-mask 128 --connlimit-saddr
-A INPUT -m conntrack --ctorigsrc 2001:db8::/32
-A POSTROUTING -j HL --hl-set 64
COMMIT
`,
} as const;
