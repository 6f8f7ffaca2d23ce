/** The parties of support/matrix.ts, in namespaces of the test's own, as the bridge driver makes them. */
import { existsSync } from "node:fs";
import { OPTION } from "../../src/network/bridge/options.ts";
import { NAMES, type Parties } from "../support/matrix.ts";
import { serve, sh } from "../support/probe.ts";
import { HOST, Lab } from "./firewall-lab.ts";

/** Values of `bridge-nf-call-iptables` to try: without the module, frames of one bridge never come to the inet tables. */
export const modes = existsSync("/proc/sys/net/bridge") ? ["0", "1"] : ["0"];

export function enter(mode: string): void {
  if (modes.length > 1) {
    sh(`sysctl -qw net.bridge.bridge-nf-call-iptables=${mode} net.bridge.bridge-nf-call-ip6tables=${mode}`);
  }
  sh(["ip", ...NAMES.map((name) => `ip -n ${name}`)].map((ip) => `${ip} neigh flush all`).join("; "));
}

/** For files that run in private namespaces (support/isolated.ts). */
export async function matrixParties(): Promise<Parties> {
  const lab = await Lab.start();
  const { outside } = lab;
  const net = await lab.network("net");
  const a1 = await lab.join(net, "a1");
  const a2 = await lab.join(net, "a2");
  const other = await lab.network("other");
  const b1 = await lab.join(other, "b1");
  const apart = await lab.network("apart", { options: { [OPTION.icc]: "false" } });
  const s1 = await lab.join(apart, "s1");
  const s2 = await lab.join(apart, "s2");
  const s3 = await lab.join(apart, "s3");
  const internal = await lab.network("internal", { internal: true });
  const i1 = await lab.join(internal, "i1");
  const i2 = await lab.join(internal, "i2");
  const inner = await lab.network("inner", { internal: true, options: { [OPTION.icc]: "false" } });
  const j1 = await lab.join(inner, "j1");
  const j2 = await lab.join(inner, "j2");
  const j3 = await lab.join(inner, "j3");

  await lab.link(s1, s2, "tcp", 80);
  await lab.link(s1, s2, "udp", 80);
  await lab.link(j1, j2, "tcp", 80);
  const ports = ["8080:80/tcp", "8080:80/udp", "[::]:8080:80/tcp", "[::]:8080:80/udp"];
  const bound = ["203.0.113.2:8081:80/tcp", "[2001:db8::2]:8081:80/tcp", "127.0.0.1:8082:80/tcp"];
  await lab.publish(a2, ...ports, ...bound);
  await lab.publish(s2, "8083:80/tcp", "[::]:8083:80/tcp");
  for (const member of [a1, a2, b1, s1, s2, s3, i1, i2, j1, j2])
    await serve(member, "80/tcp", "80/udp", "81/tcp", "81/udp");
  await serve(HOST, "99/tcp", "[::1]:8080/tcp");
  await serve(outside, "80/tcp", "80/udp");
  // A neighbour that routes containers' addresses at this host.
  sh(
    "ip -n outside route add 10.0.0.0/8 via 203.0.113.2; ip -n outside -6 route add fd00::/8 via 2001:db8::2",
  );
  return { host: HOST, outside, held6: "host from ::1", a1, a2, b1, s1, s2, s3, i1, i2, j1, j2, j3 };
}
