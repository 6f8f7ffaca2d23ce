/** Containers of two networks that reach each other, though their engine keeps networks apart. */
import { type Address, formatAddress } from "../../lib/ip.ts";
import type { Flow } from "../../trace/types.ts";
import { hasItsRules } from "../facts/engine-presence.ts";
import { forecast } from "../facts/forecast.ts";
import { addressesOf } from "../facts/namespace.ts";
import { type Attachment, isIsolated, wiredAttachments } from "../facts/networks.ts";
import { listed } from "../facts/text.ts";
import { walkEach } from "../facts/ways.ts";
import type { Check, Finding, Patient } from "../types.ts";

const NAME = "isolation-missing";
const SHOWN = 8;

export const isolationMissing: Check = {
  name: NAME,
  title:
    "containers of two networks don't reach each other by their own addresses (walked through the rules)",
  reports: [
    {
      title: "Network isolation between containers on different networks",
      url: "https://github.com/podman-container-tools/podman/issues/26913",
    },
    { title: "Drop DOCKER-ISOLATION rules", url: "https://github.com/moby/moby/pull/49981" },
  ],
  looksAt: "host",
  look: async (patient) => {
    if (patient.container) return [];
    const open: Open[] = [];
    const about = { check: NAME, what: "pairs of networks" };
    const notes = await walkEach(patient, about, pairsOf(patient), (pair) => {
      const address = reached(patient, pair);
      if (address) open.push({ ...pair, address });
      return undefined;
    });
    return [...finding(patient, open), ...notes];
  },
};

interface Pair {
  readonly from: Attachment;
  readonly to: Attachment;
}

/** Each network with the next: whoever takes the rules away takes them for all. */
function pairsOf(patient: Patient): readonly Pair[] {
  const apart = wiredAttachments(patient).filter(
    ({ network, link, resident }) =>
      link !== undefined &&
      // Podman's networks are open to each other unless they are told not to be.
      network.engine.kind !== "podman" &&
      !isIsolated(network.network) &&
      !isOpened(network.network.options) &&
      hasItsRules(patient, network.engine) &&
      resident.of.endpoints.length === 1,
  );
  const one = [...new Map(apart.map((each) => [each.network.network.id, each])).values()];
  return one.flatMap((from, i) => {
    const to = one[(i + 1) % one.length];
    return to && to !== from && to.resident.namespace !== from.resident.namespace ? [{ from, to }] : [];
  });
}

const isOpened = (options: Readonly<Record<string, string>>): boolean =>
  Object.entries(options).some(
    ([key, value]) =>
      (/gateway_mode/.test(key) && value !== "nat") || /trusted_host_interfaces|direct_routing/.test(key),
  );

interface Open extends Pair {
  readonly address: Address;
}

/** The address that the one of the pair gets an answer from. */
function reached(patient: Patient, { from, to }: Pair): Address | undefined {
  const own =
    to.link &&
    addressesOf(to.resident.namespace, to.link).find(({ address }) => address.address.family === 4);
  if (!own) return undefined;
  const flow: Flow = {
    from: { label: from.resident.of.name, namespace: from.resident.namespace.id },
    to: { label: to.resident.of.name, namespace: to.resident.namespace.id },
    destination: own.address.address,
    protocol: "icmp",
  };
  return forecast(patient, flow).outcome === "reached" ? flow.destination : undefined;
}

function finding({ host }: Patient, open: readonly Open[]): readonly Finding[] {
  const [first] = open;
  if (!first) return [];
  const { from, to } = first;
  const { kind } = from.network.engine;
  const names = open.flatMap((one) => [one.from.network.network.name, one.to.network.network.name]);
  return [
    {
      check: NAME,
      severity: "broken",
      title: `networks ${listed(names)} are not kept apart: ${from.resident.of.name} reaches ${to.resident.of.name} at its own address`,
      evidence: open
        .slice(0, SHOWN)
        .map(
          (one) =>
            `from ${one.from.resident.of.name} to ${formatAddress(one.address)}: forwarded from ${one.from.network.bridge?.name} to ${one.to.network.bridge?.name}, and nothing stops it`,
        ),
      cause:
        "The engine's rules that drop what goes from one of its bridges to another are gone or come too late: somebody has rewritten the forward chain, or accepts everything before the engine is asked.",
      fixes: [
        {
          command: `systemctl restart ${kind}`,
          does:
            kind === "docker"
              ? "has dockerd set its rules again; containers without live restore are restarted as well"
              : "has the engine put its tables back; containers go on running",
          safe: false,
        },
      ],
      about: { namespace: host.id },
    },
  ];
}
