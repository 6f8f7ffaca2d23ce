/** Who reaches whom, each cell with real traffic, between containers that the docker command made. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { before, describe, test } from "node:test";
import type { NetnsPath } from "../../src/linux/plan.ts";
import { dockerIn, namespaceOf } from "../support/docker.ts";
import { cells, NAMES, type Parties, type Party, tcpCells, wrongIn } from "../support/matrix.ts";
import { type Place, serve } from "../support/probe.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

const NETWORKS = {
  a: "",
  b: "",
  s: "--opt com.docker.network.bridge.enable_icc=false",
  i: "--internal",
  j: "--internal --opt com.docker.network.bridge.enable_icc=false",
} as const;

const EXPOSED = "--expose 80/tcp --expose 80/udp";
const PUBLISHED =
  "-p 8080:80 -p 8080:80/udp -p 203.0.113.2:8081:80 -p [2001:db8::2]:8081:80 -p 127.0.0.1:8082:80";

const FLAGS: Partial<Record<(typeof NAMES)[number], string>> = {
  a2: PUBLISHED,
  s1: "--link s2:s2",
  s2: `${EXPOSED} -p 8083:80`,
  j1: "--link j2:j2",
  j2: EXPOSED,
};

describe("who reaches whom", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  const docker = dockerIn(suite);
  let parties: Parties;

  const partyOf = async (name: string): Promise<Party> => {
    const format =
      "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.GlobalIPv6Address}} {{.NetworkID}}{{end}}";
    const [address4 = "", address6 = "", network = ""] = (
      await docker("inspect --format", format, name)
    ).split(" ");
    const gateways = await docker(
      "network inspect --format",
      "{{range .IPAM.Config}}{{.Gateway}} {{end}}",
      network,
    );
    const [gateway4 = "", gateway6 = ""] = gateways.split(" ");
    return { name, netns: await namespaceOf(suite.host, name), address4, address6, gateway4, gateway6 };
  };

  before(async () => {
    const { host: machine } = suite;
    for (const [index, [name, flags]] of Object.entries(NETWORKS).entries()) {
      const subnets = `--subnet 10.${index + 1}.0.0/24 --subnet fd00:${index + 1}::/64`;
      await docker(`network create --ipv6 ${subnets} ${flags} ${name}`);
    }
    // Who is linked to comes first.
    for (const name of [...NAMES].sort().reverse()) {
      await docker.idle(name, `--network ${name[0]} ${FLAGS[name] ?? ""}`);
    }
    const made = await Promise.all(NAMES.map(async (name) => [name, await partyOf(name)] as const));
    const named = Object.fromEntries(made) as Pick<Parties, (typeof NAMES)[number]>;
    const host: Place = { name: "host", netns: `/proc/${machine.pid}/ns/net` as NetnsPath };
    const outside: Place = {
      name: "outside",
      netns: `/proc/${machine.pid}/root${machine.directory}/outside` as NetnsPath,
    };
    // The engine holds the port, and leads on by itself what the kernel can't translate.
    parties = { host, outside, ...named, held6: `a2 from ${named.a2.gateway4}` };
    for (const name of NAMES) await serve(named[name], "80/tcp", "80/udp", "81/tcp", "81/udp");
    await serve(host, "99/tcp");
    await serve(outside, "80/tcp", "80/udp");
    await machine.runOutside("ip", ["route", "add", "10.0.0.0/8", "via", "203.0.113.2"]);
    await machine.runOutside("ip", ["-6", "route", "add", "fd00::/8", "via", "2001:db8::2"]);
  });

  const CELLS_OF = {
    tcp: (of: Parties) => ({ ...cells(of), ...tcpCells(of) }),
    udp: (of: Parties) => cells(of),
  } as const;

  for (const mode of existsSync("/proc/sys/net/bridge") ? ["0", "1"] : ["0"]) {
    for (const family of [4, 6] as const) {
      for (const protocol of ["tcp", "udp"] as const) {
        test(`IPv${family}, ${protocol}, bridge-nf-call-iptables=${mode}`, async () => {
          for (const tables of existsSync("/proc/sys/net/bridge") ? ["ip", "ip6"] : []) {
            await suite.host.run("sysctl", ["-qw", `net.bridge.bridge-nf-call-${tables}tables=${mode}`]);
          }
          const rows = Object.entries(CELLS_OF[protocol](parties));
          const wrong = await Promise.all(
            rows.flatMap(([row, of]) =>
              of(family).map(async (cell) =>
                (await wrongIn(protocol, cell)).map((each) => `${row}: ${each}`),
              ),
            ),
          );
          assert.deepEqual(wrong.flat(), []);
        });
      }
    }
  }
});
