/** Rules of engines for links and containers that are gone. */
import { contains, formatAddress, sameAddress } from "../../lib/ip.ts";
import { namedByEngines } from "../facts/engine-rules.ts";
import { bridgeNetworks } from "../facts/networks.ts";
import { listed } from "../facts/text.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "orphaned-rules";

/** Links that engines make: rules may well name others that come and go. */
const THEIRS = /^(br-[0-9a-f]{12}|docker\d+|podman\d+|cni-podman\d+)$/;

export const orphanedRules: Check = {
  name: NAME,
  title: "engines' rules name links and containers that are there",
  reports: [
    {
      title: "Docker creates firewall rules in nat table that forward packets to wrong container IPs",
      url: "https://github.com/moby/moby/issues/32048",
    },
    {
      title: "dockerd is failing to setup correct DNAT rules (or doesn't clean up them)",
      url: "https://github.com/moby/moby/issues/30558",
    },
    {
      title: "`docker run --rm --network` leaves behind `iptables` rules when stopped",
      url: "https://github.com/podman-container-tools/podman/issues/11324",
    },
  ],
  looksAt: "host",
  look: (patient) => (patient.container ? [] : [...leadingNowhere(patient), ...ofLinks(patient)]),
};

function leadingNowhere(patient: Patient): readonly Finding[] {
  const { topology, host } = patient;
  const subnets = bridgeNetworks(patient).flatMap(({ network }) =>
    network.subnets.map(({ subnet }) => subnet),
  );
  const spaces = [...topology.namespaces.values()];
  const endpoints = topology.engines.flatMap(({ containers }) => containers.flatMap((one) => one.endpoints));
  const rules = namedByEngines(host).flatMap(({ place, leadsTo }) =>
    leadsTo
      .filter((address) => subnets.some((subnet) => contains(subnet, address)))
      .filter(
        (address) =>
          !spaces.some(({ addresses }) => addresses.some((one) => sameAddress(one.address.address, address))),
      )
      .filter(
        (address) =>
          !endpoints.some(({ addresses }) => addresses.some((one) => sameAddress(one.address, address))),
      )
      .map((address) => ({ place, address: formatAddress(address) })),
  );
  if (rules.length === 0) return [];
  return [
    {
      check: NAME,
      severity: "risk",
      title: `published ports lead to ${listed(rules.map(({ address }) => address))}, which no container has`,
      evidence: rules.slice(0, 8).map(({ place, address }) => `${place}: dnat to ${address}`),
      cause:
        "The engine did not take a rule away with its container: it was killed, or its firewall was changed under it. Such a rule stands before that of the next container with the same port, which then is never reached.",
      fixes: [
        {
          command: "systemctl restart docker",
          does: "has dockerd set its rules anew; for podman: podman network reload --all",
          safe: false,
        },
      ],
      about: { namespace: host.id },
    },
  ];
}

function ofLinks({ host }: Patient): readonly Finding[] {
  const there = new Set(host.links.map(({ name }) => name));
  const rules = namedByEngines(host).filter(({ links }) =>
    links.some((name) => THEIRS.test(name) && !there.has(name)),
  );
  if (rules.length === 0) return [];
  const names = rules.flatMap(({ links }) => links.filter((name) => THEIRS.test(name) && !there.has(name)));
  return [
    {
      check: NAME,
      severity: "note",
      title: `${rules.length === 1 ? "a rule of an engine is" : `${rules.length} rules of engines are`} for links that are gone: ${listed(names)}`,
      evidence: rules.slice(0, 8).map(({ place, links }) => `${place}: ${links.join(", ")}`),
      cause: "A network was removed and its rules were not. They match nothing, and cost each packet a look.",
      fixes: [{ command: "systemctl restart docker", does: "has dockerd set its rules anew", safe: false }],
      about: { namespace: host.id },
    },
  ];
}
