/** Engines that don't answer, or have no socket at all, as Podman mostly: their containers by what they left to be read. */
import { join } from "node:path";
import { codeOf } from "../../lib/errors.ts";
import { parsePrefix } from "../../lib/ip.ts";
import { isObject } from "../../lib/is-object.ts";
import { namesIn } from "../../lib/names-in.ts";
import { readIfThere } from "../../lib/read-if-there.ts";
import { endpointsOf, portsOf } from "./containers.ts";
import { type Json, objectAt, objectsOf, textAt } from "./json.ts";
import { podmanNetworksOf } from "./networks.ts";
import { type Monitor, trustedFirst } from "./processes.ts";
import type { Engine, EngineContainer, EngineNetwork, EnginePort } from "./types.ts";

/** Where engines keep what they know; the usual places. */
export interface Places {
  readonly docker: string;
  readonly podmanNetworks: string;
}

/** Letters of an id that stand for a name. */
const SHORT = 12;

const USUAL: Places = { docker: "/var/lib/docker/containers", podmanNetworks: "/etc/containers/networks" };

/**
 * Engines of containers that run and that nobody who was asked knows.
 * @param known ids and names of those that were told of: whom only an untrusted monitor tells of takes no name from them
 */
export function silentEngines(
  monitors: readonly Monitor[],
  known: ReadonlySet<string>,
  places: Places = USUAL,
): readonly Engine[] {
  const unknown = new Map<string, Monitor>();
  const taken = new Set(known);
  for (const monitor of trustedFirst(monitors)) {
    const { container, first, name, trusted } = monitor;
    if (first === undefined || known.has(container) || unknown.has(container)) continue;
    const pretended = !trusted && name !== undefined && taken.has(name);
    unknown.set(container, pretended ? { ...monitor, name: container.slice(0, SHORT) } : monitor);
    if (name !== undefined) taken.add(name);
  }
  const byKind = Map.groupBy(unknown.values(), kindOf);
  return [...byKind].map(([kind, theirs]) => ({
    kind,
    socket: "",
    version: "",
    containers: theirs.map((monitor) =>
      kind === "docker" ? dockerContainer(monitor, places.docker) : monitored(kind, monitor),
    ),
    networks: kind === "podman" ? podmanNetworks(places.podmanNetworks) : [],
  }));
}

/** Drawbridge gives its conmon no name. */
function kindOf({ program, name }: Monitor): Engine["kind"] {
  if (program === "containerd-shim") return "docker";
  return name === undefined ? "drawbridge" : "podman";
}

const monitored = (engine: Engine["kind"], { container, name, first = 0 }: Monitor): EngineContainer => ({
  engine,
  id: container,
  name: name ?? container.slice(0, SHORT),
  image: "",
  state: "running",
  pid: first,
  networkMode: "",
  endpoints: [],
  ports: [],
});

/** With what dockerd wrote of it for itself: its API's inspect, nearly. */
function dockerContainer(monitor: Monitor, directory: string): EngineContainer {
  const bare = monitored("docker", monitor);
  // Nobody is believed who isn't root: the id is a part of a path.
  if (!monitor.trusted || !/^[0-9a-f]{64}$/.test(monitor.container)) return bare;
  const config = readObject(join(directory, monitor.container, "config.v2.json"));
  if (!config) return bare;
  const settings = objectAt(config, "NetworkSettings");
  const mode = textAt(readObject(join(directory, monitor.container, "hostconfig.json")) ?? {}, "NetworkMode");
  const sandboxKey = textAt(settings, "SandboxKey");
  return {
    ...bare,
    name: textAt(config, "Name").replace(/^\//, "") || bare.name,
    image: textAt(objectAt(config, "Config"), "Image"),
    networkMode: mode,
    ...(sandboxKey && { sandboxKey }),
    endpoints: endpointsOf(objectAt(settings, "Networks")),
    ports: boundPorts(objectAt(settings, "Ports")),
  };
}

/** `{"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}` */
function boundPorts(ports: Json): readonly EnginePort[] {
  const listed = Object.entries(ports).flatMap(([key, bindings]) => {
    const [port, type] = key.split("/");
    const one = { PrivatePort: Number(port), Type: type };
    const bound = objectsOf(bindings).map((binding) => ({
      ...one,
      IP: textAt(binding, "HostIp"),
      PublicPort: Number(textAt(binding, "HostPort")),
    }));
    return bound.length > 0 ? bound : [one];
  });
  return portsOf(listed);
}

/** `podman` is there without a file, as containers.conf(5) has it by default. */
const PODMAN_DEFAULT: EngineNetwork = {
  id: "2f259bab93aaaaa2542ba43ef33eb990d0999ee1b9924b557b7be53c0b7a1bb9",
  name: "podman",
  driver: "bridge",
  bridge: "podman0",
  subnets: [{ subnet: parsePrefix("10.88.0.0/16"), gateway: parsePrefix("10.88.0.1/16").address }],
  internal: false,
  icc: true,
  ipv6: false,
  options: {},
};

function podmanNetworks(directory: string): readonly EngineNetwork[] {
  const files = (unlessHidden(() => namesIn(directory)) ?? []).filter((name) => name.endsWith(".json"));
  const written = podmanNetworksOf(files.map((name) => readObject(join(directory, name))));
  return written.some(({ name }) => name === "podman") ? written : [PODMAN_DEFAULT, ...written];
}

/** A file that may not be read, or holds no JSON object, tells nothing. */
function readObject(path: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(unlessHidden(() => readIfThere(path)) ?? "null");
    return isObject(value) ? value : undefined;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

/** What may not be read is as if it were not there. */
function unlessHidden<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (thrown) {
    if (["EACCES", "EPERM"].includes(codeOf(thrown) ?? "")) return undefined;
    throw thrown;
  }
}
