/** docs/rules/ is what `nft list ruleset` prints: loaded, listed, compared. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { macOf, parseAddress } from "../../src/lib/ip.ts";
import { startKernel } from "../../src/linux/kernel-client.ts";
import { OPTION } from "../../src/network/bridge/options.ts";
import { defaultNetworks } from "../../src/network/defaults.ts";
import { drivers } from "../../src/network/drivers.ts";
import { type AllElements, mergeElements, type WidePart } from "../../src/network/firewall/elements.ts";
import { dropRules, loadRules } from "../../src/network/firewall/rules.ts";
import type { Endpoint, Network } from "../../src/network/types.ts";
import { isolated } from "../support/isolated.ts";
import { settings } from "../support/networks.ts";
import { sh } from "./network-fixture.ts";

isolated(import.meta);

const directory = join(import.meta.dirname, "../../docs/rules");
const kernel = await startKernel();
after(() => kernel.close());

const [bridge] = defaultNetworks(settings, []);
assert.ok(bridge);
const apart: Network = { ...bridge, options: { ...bridge.options, [OPTION.icc]: "false" } };
const routed: Network = { ...bridge, options: { ...bridge.options, [OPTION.masquerade]: "false" } };

const container = (number: number): Endpoint => {
  const address = parseAddress(`172.17.0.${number + 1}`);
  return {
    containerName: `container${number}`,
    interfaceName: "eth0",
    hostInterface: `veth${String(number).repeat(7)}`,
    mac: macOf(address),
    address: { address, length: 16 },
  } as Endpoint;
};

const elementsOf = (network: Network, ...endpoints: Endpoint[]): AllElements[] => [
  drivers.bridge.elements(network),
  ...endpoints.map((endpoint) => drivers.bridge.endpointElements(network, endpoint)),
];

const situations: Record<string, AllElements> = {
  "no-bridge": {},
  "default-bridge": mergeElements<WidePart>([...elementsOf(bridge), { unrouted: [[{ nfproto: "ipv4" }]] }]),
  "two-containers": mergeElements<WidePart>(elementsOf(bridge, container(1), container(2))),
  "icc-off": mergeElements<WidePart>(elementsOf(apart, container(1), container(2))),
  "no-masquerade": mergeElements<WidePart>(elementsOf(routed, container(1))),
};

/** Comments are the file's own; elements of a hash come in any order. */
const normal = (text: string): string =>
  text
    .replace(/^#.*\n/gm, "")
    .replace(/elements = \{([^}]*)\}/g, (_, list: string) => {
      const elements = list.split(",").map((element) => element.trim());
      return `elements = { ${elements.sort().join(", ")} }`;
    })
    .trim();

describe("the rule set", () => {
  for (const [name, elements] of Object.entries(situations)) {
    test(`${name}: as docs/rules/${name}.nft has it`, async () => {
      await kernel.nft(loadRules(elements));
      const path = join(directory, `${name}.nft`);
      const golden = readFileSync(path, "utf8");
      const listed = sh("nft list ruleset");
      if (process.env.UPDATE_GOLDEN) writeFileSync(path, `${golden.match(/^(#.*\n)*/)?.[0]}${listed}`);
      else assert.equal(normal(listed), normal(golden));
    });

    test(`${name}: the file can be loaded as it is`, () => {
      sh(`nft flush ruleset; nft -f ${join(directory, `${name}.nft`)}`);
      assert.equal(
        normal(sh("nft list ruleset")),
        normal(readFileSync(join(directory, `${name}.nft`), "utf8")),
      );
    });
  }

  test("docs/rules has a file for each situation, and no other", () => {
    const files = readdirSync(directory).filter((name) => name.endsWith(".nft"));
    assert.deepEqual(
      files.sort(),
      Object.keys(situations)
        .map((name) => `${name}.nft`)
        .sort(),
    );
  });

  test("loading again replaces what was there, and touches no other table", async () => {
    sh("nft add table inet other; nft add chain inet other kept");
    await kernel.nft(loadRules(situations["two-containers"] ?? {}));
    await kernel.nft(loadRules(situations["default-bridge"] ?? {}));
    assert.match(sh("nft list table bridge drawbridge-guard"), /set ports \{\s+type ifname\s+\}/);
    await kernel.nft(dropRules());
    assert.equal(sh("nft list tables").trim(), "table inet other");
    assert.match(sh("nft list ruleset"), /chain kept/);
    await kernel.nft(dropRules());
  });

  test("a load that fails leaves the old rules standing", async () => {
    await kernel.nft(loadRules(situations["default-bridge"] ?? {}));
    const before = sh("nft list ruleset");
    await assert.rejects(kernel.nft(`${loadRules({})}add element inet drawbridge nosuch { 1 }\n`));
    assert.equal(sh("nft list ruleset"), before);
  });
});
