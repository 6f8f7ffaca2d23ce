/** Hosts run by Debian's dockerd, and by podman with netavark or with CNI's plugins. */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { startDockerd } from "../../bench/contestants/dockerd.ts";
import { importImage } from "../../bench/lib/engines.ts";
import { archive, busyboxContents, findBusybox } from "../../src/image/busybox.ts";
import { ThrowawayHost } from "../../test/support/host.ts";
import { serve } from "../../test/support/probe.ts";
import { hostPlace, inHost, type Lab, must, netnsOf, outsidePlace, type Party } from "./lab.ts";

const DRAWBRIDGE = join(import.meta.dirname, "../../bin");

const IMAGE = "localhost/compat";

/** Containers, by name: their network, and further flags of `run`. */
type Crew = Readonly<Record<string, readonly [network: string, ...flags: readonly string[]]>>;

const PUBLISHED = ["-p 8080:80", "-p 8080:80/udp", "-p 203.0.113.2:8081:80", "-p 127.0.0.1:8082:80"];

const DOCKERS: Crew = {
  plain1: ["bridge"],
  plain2: ["bridge", "-p 8090:80"],
  a1: ["net-a"],
  a2: ["net-a", ...PUBLISHED],
  b1: ["net-b"],
  s1: ["shy"],
  s2: ["shy", "-p 8083:80"],
  i1: ["inner"],
  i2: ["inner"],
  hosted: ["host"],
};

const PODMANS: Crew = {
  plain1: ["podman"],
  plain2: ["podman", "-p 8090:80"],
  a1: ["net-a"],
  a2: ["net-a", ...PUBLISHED],
  b1: ["net-b"],
  i1: ["inner"],
  i2: ["inner"],
  hosted: ["host"],
};

const NETWORKS: Readonly<Record<string, string>> = {
  "net-a": "--ipv6 --subnet 10.1.0.0/24 --subnet fd00:1::/64",
  "net-b": "--ipv6 --subnet 10.2.0.0/24 --subnet fd00:2::/64",
  inner: "--subnet 10.4.0.0/24 --internal",
};
const SHY = { shy: "--subnet 10.3.0.0/24 -o com.docker.network.bridge.enable_icc=false" };

const image = async (): Promise<Buffer> =>
  Buffer.concat(await Readable.from(archive(busyboxContents(await findBusybox()))).toArray());

const environmentOf = (host: ThrowawayHost, more: Readonly<Record<string, string>>) => ({
  ...host.environment,
  PATH: `${DRAWBRIDGE}:${host.environment.PATH}`,
  LC_ALL: "C.UTF-8",
  ...more,
});

/** @throws Error with what dockerd or docker said */
export async function dockerLab(): Promise<Lab> {
  const host = await ThrowawayHost.create();
  return kept(host, async () => {
    const client = await startDockerd(host);
    await importImage(client, IMAGE, await image());
    const { Version } = await client.get<{ readonly Version: string }>("/version");
    client.close();
    const environment = environmentOf(host, { DOCKER_HOST: `unix://${join(host.directory, "docker.sock")}` });
    const networks = { ...NETWORKS, ...SHY };
    const parties = await populate({ host, environment }, "docker", networks, DOCKERS);
    const named = Object.keys(networks);
    return { name: `dockerd ${Version}`, engine: "docker", environment, networks: named, parties };
  });
}

/** @param backend `netavark` or `cni`. @param socket whether it serves its API */
export async function podmanLab(backend: string, socket: boolean): Promise<Lab> {
  const host = await ThrowawayHost.create();
  return kept(host, async () => {
    const podman = join(host.directory, "podman");
    const flags = [`--root ${host.dataRoot} --runroot ${host.execRoot}`, `--network-backend ${backend}`];
    flags.push(`--cgroup-manager cgroupfs --events-backend file --runtime crun`);
    writeFileSync(podman, `#!/bin/sh\nexec /usr/bin/podman ${flags.join(" ")} "$@"\n`, { mode: 0o755 });
    // Its socket is where it always is; of the test's docker command it takes the registries, where there are some.
    writeFileSync(join(host.directory, "docker", "config.json"), "{}");
    const bare = environmentOf(host, { DOCKER_HOST: "" });
    const environment = { ...bare, PATH: `${host.directory}:${bare.PATH}` };
    const at = { host, environment };
    // Networks of the machine's own podman are none of this host's.
    await must(
      at,
      "for d in /etc/containers/networks /etc/cni/net.d; do mkdir -p $d; mount -t tmpfs none $d; done",
    );
    await host.run("podman", ["import", "-", IMAGE], { env: environment, input: await image() });
    // Debian has no aardvark-dns for it: containers would be told of a resolver that isn't there, as doctor then says.
    const networks = Object.entries(NETWORKS).map(
      ([name, flags]) => [name, `${flags} --disable-dns`] as const,
    );
    const parties = await populate(at, "podman", Object.fromEntries(networks), PODMANS);
    if (socket) await serveApi(host, environment);
    const version = await must(at, "podman version --format '{{.Client.Version}}'");
    const name = `podman ${version}, ${backend}, ${socket ? "with" : "without"} its socket`;
    return { name, engine: "podman", environment, networks: Object.keys(NETWORKS), parties };
  });
}

async function serveApi(host: ThrowawayHost, environment: Lab["environment"]): Promise<void> {
  const [command = "", ...args] = host.enter(["podman", "system", "service", "--time", "0"]);
  // It ends with its host.
  spawn(command, args, { env: { ...environment }, stdio: "ignore" }).unref();
  for (let tries = 0; tries < 100; tries += 1) {
    if ((await inHost({ host, environment }, "test -S /run/podman/podman.sock")).code === 0) return;
    await sleep(100);
  }
  throw new Error("podman does not serve its API");
}

async function populate(
  at: Pick<Lab, "host" | "environment">,
  program: "docker" | "podman",
  networks: Readonly<Record<string, string>>,
  crew: Crew,
): Promise<Readonly<Record<string, Party>>> {
  const { host } = at;
  for (const [name, flags] of Object.entries(networks))
    await must(at, `${program} network create ${flags} ${name}`);
  const parties: Record<string, Party> = {};
  for (const [name, [network, ...flags]] of Object.entries(crew)) {
    const run = `${program} run -d --name ${name} --network ${network} ${flags.join(" ")}`;
    await must(at, `${run} ${IMAGE} sleep 1000`);
    const networks = "{{.IPAddress}};{{.Gateway}};{{.GlobalIPv6Address}}";
    const format = `{{.State.Pid}};{{range .NetworkSettings.Networks}}${networks}{{end}}`;
    const told = await must(at, `${program} inspect --format '${format}' ${name}`);
    const [pid = "", address = "", routed = "", address6 = ""] = told.split(";");
    // Of an internal network dockerd tells none, though the host is there; podman then has none: `<nil>`.
    const gateway = /^<|^[\d.]+$/.test(routed) ? routed.replace(/^<.*/, "") : address.replace(/\.\d+$/, ".1");
    parties[name] = { name, netns: netnsOf(host, pid), address, address6, gateway };
  }
  for (const [name, party] of Object.entries(parties)) {
    if (name !== "hosted") await serve(party, "80/tcp", "80/udp", "81/tcp");
  }
  await serve(hostPlace(host), "99/tcp");
  await serve(outsidePlace(host), "80/tcp", "80/udp");
  await host.runOutside("ip", ["route", "add", "10.0.0.0/8", "via", "203.0.113.2"]);
  await host.runOutside("ip", ["route", "add", "172.16.0.0/12", "via", "203.0.113.2"]);
  await host.runOutside("ip", ["-6", "route", "add", "fd00::/8", "via", "2001:db8::2"]);
  return parties;
}

async function kept(
  host: ThrowawayHost,
  make: () => Promise<Omit<Lab, "host" | typeof Symbol.asyncDispose>>,
): Promise<Lab> {
  try {
    const made = await make();
    return { ...made, host, [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() };
  } catch (thrown) {
    await host[Symbol.asyncDispose]();
    throw thrown;
  }
}
