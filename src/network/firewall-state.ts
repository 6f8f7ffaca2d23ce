/** What the engine has in the firewall, and the way from one state of it to the next. */
import { FAMILIES } from "../lib/ip.ts";
import { jsonKey } from "../lib/json-key.ts";
import type { Plan, SetElement } from "../linux/plan.ts";
import { drivers } from "./drivers.ts";
import { type Elements, mergeElements, toSetElements } from "./firewall/elements.ts";
import { unroutedElements } from "./forwarding.ts";
import { type FindNetwork, type Ledger, networkFinder } from "./ledger.ts";
import { formatPort } from "./port/requests.ts";
import { carrierOf } from "./sandbox/gateway.ts";
import { linkElements } from "./sandbox/links.ts";
import type { SandboxRecord } from "./state.ts";
import type { PortBinding, Sandbox } from "./types.ts";

/** What there is that the firewall knows of. */
export interface Standing extends Pick<Ledger, "networks" | "closed"> {
  readonly records: readonly SandboxRecord[];
}

/** Its endpoints, and its published ports where they lead. */
export function sandboxElements(sandbox: Sandbox, networkOf: FindNetwork): Elements {
  const endpoints = sandbox.endpoints.map((endpoint) => {
    const network = networkOf(endpoint);
    return drivers[network.driver].endpointElements(network, endpoint);
  });
  return mergeElements([...endpoints, portElements(sandbox, sandbox.ports, networkOf)]);
}

/**
 * From what is published of a sandbox to what shall be. Only what concerns the container's ports that have changed is
 * looked at: several host ports may lead to one of them, and share its admission.
 */
export function portSteps(
  before: Sandbox,
  after: Sandbox,
  changed: readonly PortBinding[],
  networkOf: FindNetwork,
): Plan {
  const ports = new Set(changed.map(formatPort));
  const elementsOf = (sandbox: Sandbox) =>
    portElements(
      sandbox,
      sandbox.ports.filter((binding) => ports.has(formatPort(binding))),
      networkOf,
    );
  return elementSteps("published ports", elementsOf(before), elementsOf(after));
}

/** Ports of a sandbox, where they lead. */
const portElements = (sandbox: Sandbox, ports: readonly PortBinding[], networkOf: FindNetwork): Elements =>
  mergeElements(
    FAMILIES.map((family): Elements => {
      const carrier = carrierOf(sandbox, family, networkOf);
      const bindings = ports.filter(({ hostAddress }) => hostAddress.family === family);
      if (!carrier || bindings.length === 0) return {};
      const network = networkOf(carrier);
      return drivers[network.driver].portElements(network, carrier, bindings);
    }),
  );

/** What the rules are loaded with: networks, sandboxes, what links open between these, and what is not forwarded. */
export function allElements({ networks, records, closed }: Standing): Elements {
  const networkOf = networkFinder(networks);
  const sandboxes = records.map(({ sandbox }) => sandbox);
  return mergeElements([
    ...networks
      .filter(({ configOnly }) => !configOnly)
      .map((network) => drivers[network.driver].elements(network)),
    ...sandboxes.map((sandbox) => sandboxElements(sandbox, networkOf)),
    linkElements(sandboxes, networkOf),
    unroutedElements(closed),
  ]);
}

/** Those of one that the other has not. */
function without(all: readonly SetElement[], others: readonly SetElement[]): readonly SetElement[] {
  if (all.length === 0 || others.length === 0) return all;
  const keys = new Set(others.map(keyOf));
  return all.filter((element) => !keys.has(keyOf(element)));
}

const keyOf = ({ set, key, value }: SetElement): string => jsonKey([set, key, value]);

/** What must be added and deleted to get from one state to another, each a transaction; an absent step is empty. */
export function elementSteps(about: string, before: Elements, after: Elements): Plan {
  const [was, is] = [toSetElements(before), toSetElements(after)];
  const gone = without(was, is);
  const come = without(is, was);
  return [
    ...(gone.length > 0
      ? [{ do: "delete-elements", about: `delete firewall elements of ${about}`, elements: gone } as const]
      : []),
    ...(come.length > 0
      ? [{ do: "add-elements", about: `add firewall elements of ${about}`, elements: come } as const]
      : []),
  ];
}
