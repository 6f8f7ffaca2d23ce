/** Whom a container asks for names: somebody, and somebody who is there. */
import { formatAddress } from "../../lib/ip.ts";
import { isLoopback } from "../../lib/ip-kinds.ts";
import { DNS_PORT } from "../../lib/protocols.ts";
import type { ResolvConf } from "../../lib/resolv-conf.ts";
import { attachmentsOf } from "../facts/networks.ts";
import { socketsAt } from "../facts/ports.ts";
import { EMBEDDED, resolvConfOf } from "../facts/resolv-conf.ts";
import type { Check, Finding, Resident } from "../types.ts";

const NAME = "dns-servers";

export const dnsServers: Check = {
  name: NAME,
  title: "each container has a name server to ask, that is not the host's own loopback",
  reports: [
    {
      title: "DNS resolution not working inside containers",
      url: "https://github.com/moby/moby/issues/49665",
    },
    {
      title: "Ubuntu 18.04 + Docker 17.12.1-ce break DNS resolution",
      url: "https://github.com/moby/libnetwork/issues/2187",
    },
    {
      title: "Fixed clashing embedded DNS with `systemd-resolved`",
      url: "https://github.com/moby/moby/pull/43705",
    },
  ],
  looksAt: "containers",
  look: (patient) => {
    const networked = new Set(attachmentsOf(patient).map(({ resident }) => resident));
    return [...networked].flatMap((resident) => {
      const conf = resolvConfOf(patient, resident);
      if (!conf) return [];
      return conf.nameservers.length === 0 ? [none(resident)] : leaked(resident, conf);
    });
  },
};

const none = ({ namespace, of }: Resident): Finding => ({
  check: NAME,
  severity: "broken",
  title: `container ${of.name} resolves no names: its resolv.conf has no nameserver`,
  evidence: [`/proc/${namespace.pids[0]}/root/etc/resolv.conf: no line that begins with nameserver`],
  cause:
    "The engine copies the host's name servers, without those on its loopback; the host had no other, or no resolv.conf, when the container was started. Programs then ask 127.0.0.1, where nobody is.",
  fixes: [
    {
      command: `docker run --dns ADDRESS …`,
      does: 'names a server for the container; --dns of the engine (or "dns" in its configuration) for all',
      safe: false,
    },
  ],
  about: { namespace: namespace.id, container: of.name },
});

/** 127.0.0.53 is systemd-resolved's on the host, and nobody's in a container. */
function leaked({ namespace, of }: Resident, { nameservers }: ResolvConf): readonly Finding[] {
  const dead = nameservers.filter(
    (server) =>
      isLoopback(server) &&
      formatAddress(server) !== EMBEDDED &&
      !socketsAt(namespace, "udp", DNS_PORT).some(
        ({ address }) => address === undefined || (isLoopback(address) && address.family === server.family),
      ),
  );
  if (dead.length === 0) return [];
  const all = dead.length === nameservers.length;
  const shown = dead.map(formatAddress).join(", ");
  return [
    {
      check: NAME,
      severity: all ? "broken" : "risk",
      title: `container ${of.name} ${all ? "resolves no names" : "waits for names"}: it asks ${shown}, where nobody listens in a container`,
      evidence: [
        ...nameservers.map((server) => `nameserver ${formatAddress(server)}`),
        `no UDP socket at port ${DNS_PORT} in its namespace`,
      ],
      cause:
        "A resolver of the host (systemd-resolved at 127.0.0.53, dnsmasq at 127.0.0.1) has leaked into the container, whose loopback is another. It was named by --dns, or the file was mounted or written by hand.",
      fixes: [
        {
          command: "ln -sf /run/systemd/resolve/resolv.conf /etc/resolv.conf",
          does: "has the host name its real servers, for containers that are started from now on (with systemd-resolved); or start the container with --dns ADDRESS",
          safe: false,
        },
      ],
      about: { namespace: namespace.id, container: of.name },
    },
  ];
}
