/** `--link`: what it opens where containers of one network may not reach each other, and the names that it gives. */
import { formatAddress } from "../../lib/ip.ts";
import { bridgeOptions } from "../bridge/options.ts";
import { addressesOf } from "../family.ts";
import { type Elements, mergeElements, type Tuple } from "../firewall/elements.ts";
import type { FindNetwork } from "../ledger.ts";
import { PROTOCOL_NUMBERS } from "../port/protocols.ts";
import type { SandboxRecord } from "../state.ts";
import type { ContainerPort, Endpoint, Sandbox } from "../types.ts";

/** A link whose both ends are there. */
interface Linked {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly exposed: readonly ContainerPort[];
  readonly alias: string;
}

/** Links that lead to an endpoint on the same network, by its container's id or by its name. */
export function linkedFrom(sandbox: Sandbox, sandboxes: readonly Sandbox[]): readonly Linked[] {
  return sandbox.endpoints.flatMap((from) =>
    (from.links ?? []).flatMap(({ container, name = container, alias }) => {
      const target =
        sandboxes.find((other) => other.container === container) ??
        sandboxes.find((other) => other.endpoints.some(({ containerName }) => containerName === name));
      const to = target?.endpoints.find(({ network }) => network === from.network);
      return target && to ? [{ from, to, exposed: target.exposed, alias }] : [];
    }),
  );
}

/** What all links of these sandboxes open: exposed ports of the one that is linked to. */
export const linkElements = (sandboxes: readonly Sandbox[], networkOf: FindNetwork): Elements =>
  mergeElements(
    sandboxes.flatMap((sandbox) =>
      sandbox.endpoints.some(({ links }) => links?.length)
        ? linkedFrom(sandbox, sandboxes).map((linked) => elementsOf(linked, networkOf))
        : [],
    ),
  );

function elementsOf({ from, to, exposed }: Linked, networkOf: FindNetwork): Elements {
  const network = networkOf(from);
  if (network.driver !== "bridge" || from.hostInterface === undefined || to.hostInterface === undefined) {
    return {};
  }
  const { name, icc } = bridgeOptions(network);
  if (icc) return {};
  const ends = [{ ifname: from.hostInterface }, { ifname: to.hostInterface }];
  const ports = exposed.map(({ protocol, port }) => [{ protocol: PROTOCOL_NUMBERS[protocol] }, { port }]);
  const between = (a: Endpoint["address"], b: Endpoint["address"]): readonly Tuple[] =>
    a && b
      ? ports.map((port) => [{ ifname: name }, { address: a.address }, { address: b.address }, ...port])
      : [];
  return {
    linked: ports.map((port) => [...ends, ...port]),
    linked4: between(from.address, to.address),
    linked6: between(from.address6, to.address6),
  };
}

/** Lines of hosts(5) for the links of a sandbox on the default bridge: alias, hostname, and name of each. */
export function linkHosts(sandbox: Sandbox, records: readonly SandboxRecord[]): readonly string[] {
  const hostnames = new Map(records.map((record) => [record.sandbox.container, record.files.hostname]));
  const sandboxes = records.map((record) => record.sandbox);
  return linkedFrom(sandbox, sandboxes).flatMap(({ to, alias }) => {
    const hostname = hostnames.get(to.container) || to.container.slice(0, 12);
    const names = [...new Set([alias, hostname, to.containerName])].join(" ");
    return addressesOf(to).map((address) => `${formatAddress(address)}\t${names}`);
  });
}
