/** A host's own firewall beside the engine's, as ufw makes it, and a table of nft's that closes what is published. */
import { type Lab, must } from "./lab.ts";

const UFW = `
iptables -N ufw-before-input; iptables -N ufw-before-forward; iptables -N ufw-user-input
iptables -A ufw-before-input -i lo -j ACCEPT
iptables -A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A ufw-before-input -m conntrack --ctstate INVALID -j DROP
iptables -A ufw-before-input -p icmp --icmp-type echo-request -j ACCEPT
iptables -A ufw-before-input -j ufw-user-input
iptables -A ufw-user-input -p tcp -m multiport --dports 22,99 -s 10.0.0.0/8 -j ACCEPT
iptables -A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables -A INPUT -j ufw-before-input
iptables -A FORWARD -j ufw-before-forward
iptables -P INPUT DROP; iptables -P FORWARD DROP
`;

const OWN = `
nft -f - <<END
table inet mine {
  set closed { type inet_proto . inet_service; elements = { tcp . 8081 }; }
  chain before { type filter hook prerouting priority -150; fib daddr type local meta l4proto . th dport @closed drop; }
  chain forward { type filter hook forward priority 0; meta l4proto tcp ct original proto-dst 8083 drop; ct state established accept; }
}
END
`;

export async function raiseFirewalls(lab: Lab): Promise<void> {
  await must(lab, `set -e${UFW}${OWN}`);
}
