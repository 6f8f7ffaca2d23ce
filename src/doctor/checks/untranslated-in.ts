/** A published port that no rule leads to its container: who comes gets this machine, or nobody. */
import { formatAddress } from "../../lib/ip.ts";
import { shell } from "../../lib/shell.ts";
import type { EngineContainer } from "../../observe/types.ts";
import type { Hop } from "../../trace/types.ts";
import { hasItsRules } from "../facts/engine-presence.ts";
import { wayThere } from "../facts/forecast.ts";
import { bridgeNetworks } from "../facts/networks.ts";
import { shownPort, socketsAt } from "../facts/ports.ts";
import { walkEach } from "../facts/ways.ts";
import { flowsIn, type WayIn, waysIn } from "../facts/ways-in.ts";
import type { Check, Finding, Fix, Patient } from "../types.ts";

const NAME = "untranslated-in";

export const untranslatedIn: Check = {
  name: NAME,
  title: "rules lead what comes to published ports to their containers (walked through them)",
  reports: [
    {
      title: "After removing and recreating container the port doesn't get mapped.",
      url: "https://github.com/moby/moby/issues/10354",
    },
    {
      title: "publishing a port fails 50% of the time in nextcloud container after a restart of machine",
      url: "https://github.com/podman-container-tools/podman/issues/18746",
    },
    {
      title: "Docker port mapping (-p) gives an iptables error on RHEL 7.2",
      url: "https://github.com/moby/moby/issues/23154",
    },
  ],
  looksAt: "both",
  look: (patient) =>
    walkEach(
      patient,
      { check: NAME, what: "published ports" },
      waysIn(patient).filter((way) => isLed(patient, way)),
      (way) => look(patient, way),
    ),
};

/**
 * IPv4, on a network that has it, whose engine leads by rules: of the rest a program of the engine's may carry it.
 * Drawbridge's ports are elements of a map, which are all looked at (`own-elements`).
 */
function isLed(patient: Patient, { destination, published }: WayIn): boolean {
  const { resident } = published;
  const mine = bridgeNetworks(patient).filter(({ residents }) => residents.includes(resident));
  return (
    destination.family === 4 &&
    resident.of.engine !== "drawbridge" &&
    resident.of.endpoints.some(({ addresses }) => addresses.some(({ address }) => address.family === 4)) &&
    mine.some(
      ({ engine, network }) => !network.internal && hasNat(network.options) && hasItsRules(patient, engine),
    )
  );
}

const hasNat = (options: Readonly<Record<string, string>>): boolean =>
  !Object.entries(options).some(([key, value]) => /gateway_mode_ipv4$/.test(key) && !value.startsWith("nat"));

const isLedAway = (hops: readonly Hop[], host: number): boolean =>
  hops.some(
    ({ event, namespace }) =>
      namespace === host && event.kind === "translate" && event.what === "destination",
  );

/** Dropped before it could be: that is `way-in`'s to tell. */
const isStopped = (hops: readonly Hop[]): boolean =>
  hops.some(({ event }) => event.kind === "drop" && !TAKEN.has(event.reason.code));
const TAKEN: ReadonlySet<string> = new Set(["no-socket", "closed", "bound-elsewhere", "backlog-full"]);

function look(patient: Patient, way: WayIn): Finding | undefined {
  const { host } = patient;
  const { published, near, strangers, link } = way;
  const { resident, port, host: at } = published;
  const [flow] = flowsIn(patient, way, [...strangers, ...near]);
  const hops = flow && wayThere(patient, flow);
  if (!flow || !hops || isLedAway(hops, host.id) || isStopped(hops)) return undefined;
  const held = socketsAt(host, port.protocol, at.port).length > 0;
  const what = `${at.port}/${port.protocol}`;
  return {
    check: NAME,
    severity: held ? "risk" : "broken",
    title: held
      ? `port ${what} of ${resident.of.name} is not led to it by any rule: whoever comes by ${link.name} gets a program of this machine`
      : `port ${what} of ${resident.of.name} is not led to it by any rule: whoever comes by ${link.name} is refused`,
    evidence: [
      `published: ${shownPort(published)}`,
      `to ${formatAddress(flow.destination)} port ${what}: no rule translates it`,
    ],
    cause: held
      ? "The rule for the port is gone. Where the engine's own program holds the port it passes connections on, slower, and the server sees this machine's address instead of the client's."
      : "The rule for the port is gone, or was never set: the nat table was rewritten under the engine, or it failed when the container was started.",
    fixes: [anew(resident.of)],
    about: { namespace: host.id, container: resident.of.name },
  };
}

const anew = ({ engine, name }: EngineContainer): Fix =>
  engine === "podman"
    ? {
        command: "podman network reload --all",
        does: "sets podman's rules again, for all that run",
        safe: true,
      }
    : {
        command: shell`docker restart ${name}`,
        does: "has dockerd set the container's rules again",
        safe: false,
      };
