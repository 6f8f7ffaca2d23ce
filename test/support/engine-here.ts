/** An engine in the test's own process, for files that are `isolated`, and all that it has in the world, to compare. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { type Between, createEngine, type RunningEngine } from "../../src/engine/engine.ts";
import type { EngineSettings } from "../../src/engine/settings.ts";
import { parseAddress, parsePrefix } from "../../src/lib/ip.ts";
import { silent } from "../../src/lib/log.ts";
import type { Json, Store } from "../../src/store/kv.ts";
import { Faults } from "./faults.ts";

const execute = promisify(execFile);

export const sh = async (command: string): Promise<string> =>
  (await execute("sh", ["-c", command], { encoding: "utf8", maxBuffer: 1 << 26 })).stdout;

/** Without what the hybrid `unified` one has for stand-in: there, crun makes plain directories (isolated.ts). */
const HIERARCHIES = readdirSync("/sys/fs/cgroup").filter((name) => name !== "unified");

export class EngineHere implements AsyncDisposable {
  readonly settings: EngineSettings;
  readonly faults = new Faults();
  readonly #directory: string;
  readonly #cgroups: readonly string[];
  #engine: RunningEngine | undefined;
  #store: Store | undefined;

  constructor() {
    this.#directory = mkdtempSync(join(tmpdir(), "drawbridge-here-"));
    const parent = `drawbridge-test-${process.pid}-${Date.now().toString(36)}`;
    this.#cgroups = HIERARCHIES.map((name) => join("/sys/fs/cgroup", name, parent));
    this.settings = {
      version: "0",
      dataRoot: join(this.#directory, "data"),
      execRoot: join(this.#directory, "exec"),
      bridge: {
        name: "docker0",
        bip: parsePrefix("172.17.0.1/16"),
        mtu: 1500,
        icc: true,
        ipv6: false,
        hostBindingIp: parseAddress("0.0.0.0"),
      },
      ipMasq: true,
      ipForward: true,
      ipForwardNoDrop: false,
      firewallAdmit: false,
      defaultAddressPools: [],
      dns: ["192.0.2.53"],
      dnsSearch: [],
      dnsOptions: [],
      cgroupParent: `/${parent}`,
      insecureRegistries: [],
      registryMirrors: [],
      labels: [],
      liveRestore: false,
      shutdownTimeout: 5,
      logger: silent,
    };
  }

  get engine(): RunningEngine {
    if (!this.#engine) throw new Error("the engine was not started");
    return this.#engine;
  }

  async start(between: Between = this.faults.between): Promise<RunningEngine> {
    this.#engine = await createEngine(this.settings, {
      ...between,
      store: (store) => {
        this.#store = store;
        return between.store?.(store) ?? store;
      },
    });
    return this.#engine;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine?.stop();
    for (const path of this.#cgroups) if (existsSync(path)) rmdirSync(path);
    rmSync(this.#directory, { recursive: true });
  }

  /**
   * All that networks have in kernel, store, files and memory, and what runs, a line each: they are the same where
   * nothing has changed between.
   */
  async world(): Promise<readonly string[]> {
    const { dataRoot, execRoot } = this.settings;
    const { networks } = this.engine;
    const pins = readdirSync(join(execRoot, "netns")).filter((name) => name !== "default");
    const spaces = ["", ...pins.map((pin) => join(execRoot, "netns", pin))];
    const endpoints = networks.list().flatMap(({ id }) => networks.endpointsOf(id));
    const open = endpoints.map(({ container }) => container);
    const about = (name: string, values: readonly unknown[]) =>
      values.map((value) => `${name} ${textOf(value)}`);
    return [
      ...(await Promise.all(spaces.map(namespace))).flat(),
      ...about("socket", lines((await sh("ss -Hlntu")).replaceAll(/^(\S+ +\S+) +\S+ +\S+/gm, "$1"))),
      ...about("store", await this.#stored()),
      ...about("network", networks.list()),
      ...about("endpoint", endpoints),
      ...about("served", [...this.faults.served.values()]),
      ...about("announced", [...this.faults.announced.values()]),
      ...about(
        "file",
        [...new Set(open)].flatMap((id) =>
          filesBelow(join(dataRoot, "containers", id), /(hosts|resolv\.conf)$/),
        ),
      ),
      ...about(
        "mount",
        lines(readFileSync("/proc/self/mountinfo", "utf8").replaceAll(/^(\S+ ){4}(\S+).*$/gm, "$2")),
      ),
      ...about(
        "process",
        lines(await sh("ps -e -o comm=")).filter((name) => /conmon|crun|runc|sleep/.test(name)),
      ),
      ...about(
        "cgroup",
        this.#cgroups.flatMap((path) => (existsSync(path) ? directoriesIn(path).map(withLimits) : [])),
      ),
      ...about(
        "kept",
        KEPT.flatMap((name) => namesIn(join(dataRoot, name))),
      ),
      ...about("descriptor", descriptorsBelow(dataRoot, execRoot)),
      ...about("runtime", readdirSync(join(execRoot, "runtime"), { recursive: true })),
      ...about(
        "run",
        readdirSync(join(execRoot, "containers"), { recursive: true, encoding: "utf8" }).filter((name) =>
          name.includes("/"),
        ),
      ),
    ].sort();
  }

  /** Of a container's state, what tells of its last failure and end is its own affair. */
  async #stored(): Promise<readonly unknown[]> {
    const all = (await this.#store?.list("")) ?? [];
    return all.flatMap(({ key, value }) =>
      key.startsWith("image") ? [] : [[key, key.startsWith("container") ? withoutState(value) : value]],
    );
  }
}

/** What one world has and the other has not, a line each. */
export function assertSameWorld(actual: readonly string[], expected: readonly string[], about: string): void {
  const [is, was] = [new Set(actual), new Set(expected)];
  const differences = [
    ...actual.filter((line) => !was.has(line)).map((line) => `+ ${line}`),
    ...expected.filter((line) => !is.has(line)).map((line) => `- ${line}`),
  ];
  if (differences.length > 0) assert.fail(`${about}:\n${differences.join("\n")}`);
  assert.equal(actual.length, expected.length, about);
}

function withoutState(value: Json): unknown {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  const { state: _, stoppedByUser: __, ...rest } = value as Readonly<Record<string, Json>>;
  return rest;
}

const lines = (text: string): readonly string[] => text.split("\n").filter((line) => line !== "");

/** The sysctls are those that the engine sets somewhere. */
const LOOK = `ip -o link; echo; ip -o address; echo; ip -4 route show table all; ip -6 route show table all; cd /proc/sys/net
echo; grep . ipv4/ip_forward ipv4/ip_unprivileged_port_start ipv4/conf/*/route_localnet ipv6/conf/*/disable_ipv6 ipv6/conf/*/accept_ra ipv6/conf/*/forwarding
echo; nft -j list ruleset`;

/** What comes and goes by itself: link-local and multicast addresses and routes, and what a link without a carrier is called. */
const BY_ITSELF = /^multicast|^anycast|fe80|ff00::/;
const CARRIER = / state [A-Z]*|,LOWER_UP|NO-CARRIER,|,?M-DOWN| linkdown| dead/g;

/** Of one by its path, or of our own. */
async function namespace(netns: string): Promise<readonly string[]> {
  const text = await sh(netns === "" ? LOOK : `nsenter --net=${netns} sh -c '${LOOK}'`);
  const [links = "", addresses = "", routes = "", sysctls = "", rules = ""] = text.split("\n\n");
  const steady = (part: string) =>
    lines(part.replaceAll(CARRIER, "")).filter((line) => !BY_ITSELF.test(line));
  return [
    ...lines(links.replaceAll(CARRIER, "")).map((line) => `link ${line}`),
    ...steady(addresses).map((line) => `address ${line}`),
    ...steady(routes).map((line) => `route ${line}`),
    ...lines(sysctls).map((line) => `sysctl ${line}`),
    ...rulesOf(rules).map((line) => `rule ${line}`),
  ].map((line) => `${netns} ${line}`);
}

/** Without handles; sets have no order. */
function rulesOf(text: string): readonly string[] {
  const { nftables } = JSON.parse(text) as { readonly nftables: readonly Record<string, unknown>[] };
  return nftables
    .filter((each) => !("metainfo" in each))
    .map((each) =>
      JSON.stringify(each, (key, value: unknown) => {
        if (key === "handle") return undefined;
        return key === "elem" && Array.isArray(value)
          ? value.map((element) => JSON.stringify(element)).sort()
          : value;
      }),
    );
}

const textOf = (value: unknown): string =>
  typeof value === "string"
    ? value
    : JSON.stringify(value, (_, part) => (typeof part === "bigint" ? String(part) : part));

const filesBelow = (directory: string, names: RegExp): readonly unknown[] =>
  readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => names.test(name))
    .map((name) => [join(directory, name), readFileSync(join(directory, name), "utf8")]);

/** Directories of the data root that hold what there are records of, and what is under way. */
const KEPT = [
  "images/layers",
  "images/recipes",
  "volumes",
  "containers",
  "overlay",
  "registry/transfers",
  "build/work",
];

const namesIn = (path: string): readonly string[] =>
  existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : [];

/** Files that stay open, but for the store's own; a pidfd for each process that is looked after. */
function descriptorsBelow(...roots: readonly string[]): readonly string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    const path = linkOf(`/proc/self/fd/${fd}`);
    const ours =
      roots.some((root) => path.startsWith(root)) && !/\/(drawbridge\.db.*|engine\.lock)$/.test(path);
    return ours || path === "anon_inode:[pidfd]" ? [path] : [];
  });
}

/** Nothing where it was closed as we looked. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** What a change of limits, and a freeze, leave in a cgroup. */
const LIMITS = ["memory.limit_in_bytes", "pids.max", "cpu.shares", "freezer.state"];
const withLimits = (path: string): string =>
  [
    path,
    ...LIMITS.map((name) => join(path, name))
      .filter((file) => existsSync(file))
      .map((file) => readFileSync(file, "utf8").trim()),
  ].join(" ");

const directoriesIn = (path: string): string[] =>
  readdirSync(path, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [join(path, entry.name)] : [],
  );
