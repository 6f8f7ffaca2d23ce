/** Containers that are records only: their defaults, and what is shown of them. */
import type { EventEmitter } from "node:events";
import { NOTHING_ASKED } from "../../src/container/defaults.ts";
import type {
  Container,
  ContainerConfig,
  ContainerView,
  ExecRequest,
  ExecView,
  HostConfig,
  PortMap,
} from "../../src/container/types.ts";
import type { Image } from "../../src/image/types.ts";
import { type ContainerID, type ExecID, type NetworkID, newId } from "../../src/lib/ids.ts";
import { macOf, offset, parseAddress } from "../../src/lib/ip.ts";
import type { NetnsPath } from "../../src/linux/plan.ts";
import type { Endpoint, PortBinding, Sandbox } from "../../src/network/types.ts";
import { Program } from "./fake-program.ts";

export const CONFIG: Omit<ContainerConfig, "Image"> = {
  Hostname: "",
  Domainname: "",
  AttachStdin: false,
  AttachStdout: true,
  AttachStderr: true,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
};

export const HOST_CONFIG: HostConfig = {
  ...NOTHING_ASKED,
  NetworkMode: "bridge",
  IpcMode: "private",
  CgroupnsMode: "private",
  ShmSize: 67108864,
  RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
  LogConfig: { Type: "json-file", Config: {} },
  MaskedPaths: [],
  ReadonlyPaths: [],
  Runtime: "crun",
};

export interface Entry {
  container: Container;
  sandbox: Sandbox | undefined;
  program: Program;
  readonly log: { stream: "stdout" | "stderr"; time: string; data: Uint8Array }[];
  readonly watchers: EventEmitter;
}

export interface Exec {
  view: ExecView;
  readonly program: Program;
}

export function viewOf(entry: Entry, execs: readonly ExecView[], images: readonly Image[]): ContainerView {
  const { container, sandbox } = entry;
  const image = images.find(({ id }) => id === container.image);
  const directory = `/var/lib/drawbridge/containers/${container.id}`;
  return {
    container,
    ...(image && { image }),
    ...(sandbox && { sandbox }),
    execs: execs.filter((exec) => exec.container === container.id).map((exec) => exec.id),
    paths: {
      log: `${directory}/${container.id}-json.log`,
      hostname: `${directory}/hostname`,
      hosts: `${directory}/hosts`,
      resolvConf: `${directory}/resolv.conf`,
    },
    graphDriver: { name: "overlay2", data: { MergedDir: "/merged" } },
  };
}

/** One binding for each that asks for a host port, on every IPv4 address where it names none. */
export const bindingsOf = (ports: PortMap): readonly PortBinding[] =>
  Object.entries(ports).flatMap(([key, bindings]) =>
    (bindings ?? []).map(({ HostIp, HostPort }) => {
      const [port, protocol] = key.split("/");
      return {
        port: Number(port),
        protocol: protocol as PortBinding["protocol"],
        hostAddress: parseAddress(HostIp || "0.0.0.0"),
        hostPort: Number(HostPort || "49153"),
      };
    }),
  );

/** A sandbox on `network`, with the address that many places after the first. */
export function sandboxFor(container: Container, network: NetworkID, place: number): Sandbox {
  const address = offset(parseAddress("172.17.0.2"), BigInt(place));
  const id = newId<Sandbox["id"]>();
  const endpoint: Endpoint = {
    id: newId<Endpoint["id"]>(),
    network,
    networkName: "bridge",
    container: container.id,
    containerName: container.name,
    interfaceName: "eth0",
    hostInterface: "veth1a2b3c4",
    mac: macOf(address),
    address: { address, length: 16 },
    gateway: parseAddress("172.17.0.1"),
    aliases: [],
    dnsNames: [],
  };
  const key = `/run/drawbridge/netns/${id.slice(0, 12)}` as NetnsPath;
  const ports = bindingsOf(container.hostConfig.PortBindings);
  return { id, container: container.id, key, mode: "own", endpoints: [endpoint], ports, exposed: [] };
}

export const programOf = ({ path, args }: Container) => new Program([path, ...args]);

export const execView = (id: ExecID, container: ContainerID, request: ExecRequest): ExecView => ({
  id,
  container,
  request,
  running: false,
  exitCode: null,
  pid: 0,
});
