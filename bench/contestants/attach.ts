/**
 * Those who join a new network namespace to a bridge, and part it again: each with a bridge of its own,
 * all in one network namespace that is thrown away afterwards.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../../src/lib/programs.ts";
import { runProgram } from "../lib/program.ts";
import type { Absent, Contestant } from "../lib/rounds.ts";
import { timed } from "../lib/statistics.ts";
import type { DrawbridgeNetworks } from "./drawbridge.ts";
import type { Floor } from "./floor.ts";

export type AttachPhase = "attach" | "detach";
type Attaching = Contestant<AttachPhase>;

/** Not counted: peers that are handed a namespace don't have to make it. */
const GIVEN = "namespace given, not counted; its process's start counted";

const nothing = async () => {};

export function floorContestant(floor: Floor, directory: string): Attaching {
  runProgram("ip", { args: ["-batch", "-"], input: bridge("floor0", "172.29.0.1/16") });
  return {
    name: "C floor",
    note: "namespace, pair, address, route by plain rtnetlink; no firewall",
    async measure(round) {
      const pin = join(directory, `floor-${round}`);
      const attach = await floor.ask(
        ...["attach", "floor0", pin, "vethfloor", "02:42:ac:1d:00:02", "172.29.0.2", 16, "172.29.0.1"],
      );
      return { attach, detach: await floor.ask("detach", pin, "vethfloor") };
    },
    [Symbol.asyncDispose]: nothing,
  };
}

export function drawbridgeContestant(networks: DrawbridgeNetworks): Attaching {
  return {
    name: "drawbridge",
    note: "what the floor does, planned and on a thread of its own, and sysctls and firewall elements",
    async measure() {
      const container = networks.newContainer();
      const start = performance.now();
      const sandbox = await networks.attachBare(container);
      const attach = performance.now() - start;
      return { attach, detach: await timed(() => networks.detachBare(sandbox)) };
    },
    [Symbol.asyncDispose]: nothing,
  };
}

export function controllerContestant(networks: DrawbridgeNetworks): Attaching {
  return {
    name: "drawbridge, whole",
    note: "the same, with its record in the store on a disk, resolv.conf and hosts",
    async measure() {
      const container = networks.newContainer();
      const attach = await timed(() => networks.attach(container));
      return { attach, detach: await timed(() => networks.detach(container)) };
    },
    [Symbol.asyncDispose]: nothing,
  };
}

const bridge = (name: string, address: string): string =>
  `link add ${name} type bridge\naddress add ${address} dev ${name}\nlink set ${name} up\n`;

export function ipContestant(): Attaching {
  runProgram("ip", { args: ["-batch", "-"], input: bridge("ip0", "172.28.0.1/16") });
  return {
    name: "ip -batch",
    note: "the same as the floor, by two processes of iproute2",
    async measure(round) {
      const netns = `bench${round}`;
      const outside = `netns add ${netns}
link add vethip type veth peer name eth0 address 02:42:ac:1c:00:02 netns ${netns}
link set vethip master ip0 up
`;
      const inside = `link set lo up
link set eth0 up
address add 172.28.0.2/16 broadcast 172.28.255.255 dev eth0
route add default via 172.28.0.1
`;
      const attach =
        runProgram("ip", { args: ["-batch", "-"], input: outside }) +
        runProgram("ip", { args: ["-netns", netns, "-batch", "-"], input: inside });
      const detach = runProgram("ip", {
        args: ["-batch", "-"],
        input: `link del vethip\nnetns del ${netns}\n`,
      });
      return { attach, detach };
    },
    [Symbol.asyncDispose]: nothing,
  };
}

/** https://www.cni.dev/plugins/current/main/bridge/ */
export function cniContestant(floor: Floor, directory: string, masquerade: boolean): Attaching | Absent {
  const name = masquerade ? "CNI bridge, masquerade" : "CNI bridge";
  const program = findProgram("/usr/lib/cni/bridge", "/opt/cni/bin/bridge");
  if (!program) return { absent: `${name}: no plugin (scripts/bootstrap --peers)` };
  const subnet = masquerade ? "172.27.0.0/16" : "172.26.0.0/16";
  const input = JSON.stringify({
    cniVersion: "0.4.0",
    name: masquerade ? "masquerade" : "plain",
    type: "bridge",
    bridge: masquerade ? "cni1" : "cni0",
    isGateway: true,
    ipMasq: masquerade,
    ipam: { type: "host-local", dataDir: directory, ranges: [[{ subnet }]], routes: [{ dst: "0.0.0.0/0" }] },
  });
  return {
    name,
    note: GIVEN,
    async measure(round) {
      const pin = join(directory, `${masquerade ? "cni1" : "cni0"}-${round}`);
      await floor.ask("netns", pin);
      const common = {
        CNI_CONTAINERID: `bench${round}`,
        CNI_NETNS: pin,
        CNI_IFNAME: "eth0",
        CNI_PATH: join(program, ".."),
      };
      const attach = runProgram(program, { input, env: { ...common, CNI_COMMAND: "ADD" } });
      const detach = runProgram(program, { input, env: { ...common, CNI_COMMAND: "DEL" } });
      await floor.ask("unpin", pin);
      return { attach, detach };
    },
    [Symbol.asyncDispose]: nothing,
  };
}

/** netavark(1): options as JSON on standard input. */
export function netavarkContestant(floor: Floor, directory: string): Attaching | Absent {
  const program = findProgram("/usr/lib/podman/netavark", "/usr/libexec/podman/netavark", "netavark");
  if (!program) return { absent: "netavark: not installed (scripts/bootstrap --peers)" };
  const config = join(directory, "netavark");
  mkdirSync(config);
  const network = {
    name: "podman1",
    id: "b".repeat(64),
    driver: "bridge",
    network_interface: "podman1",
    subnets: [{ subnet: "172.25.0.0/16", gateway: "172.25.0.1" }],
    ipv6_enabled: false,
    internal: false,
    dns_enabled: false,
    ipam_options: { driver: "host-local" },
  };
  return {
    name: "netavark",
    note: GIVEN,
    async measure(round) {
      const pin = join(directory, `netavark-${round}`);
      await floor.ask("netns", pin);
      const input = JSON.stringify({
        container_id: round.toString(16).padStart(64, "c"),
        container_name: `bench${round}`,
        networks: { podman1: { interface_name: "eth0", static_ips: ["172.25.0.2"] } },
        network_info: { podman1: network },
      });
      const attach = runProgram(program, { args: ["--config", config, "setup", pin], input });
      const detach = runProgram(program, { args: ["--config", config, "teardown", pin], input });
      await floor.ask("unpin", pin);
      return { attach, detach };
    },
    [Symbol.asyncDispose]: nothing,
  };
}
