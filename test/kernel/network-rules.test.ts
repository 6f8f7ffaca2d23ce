/** docs/rules/ is what `nft list ruleset` prints: loaded, listed, compared. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { startKernel } from "../../src/linux/kernel-client.ts";
import { ADMIN_TABLE, isAdminTableUntouched, makeAdminTable } from "../../src/network/firewall/admin.ts";
import { dropRules, loadRules } from "../../src/network/firewall/rules.ts";
import { isolated } from "../support/isolated.ts";
import { sh } from "../support/probe.ts";
import { SITUATIONS } from "./firewall-situations.ts";

isolated(import.meta);

const directory = join(import.meta.dirname, "../../docs/rules");
const kernel = await startKernel();
after(() => kernel.close());

/** Comments are the file's own; elements of a hash come in any order. */
const normal = (text: string): string =>
  text
    .replace(/^#.*\n/gm, "")
    .replace(/elements = \{([^}]*)\}/g, (_, list: string) => {
      const elements = list.split(",").map((element) => element.trim().replace(/\s+/g, " "));
      return `elements = { ${elements.sort().join(", ")} }`;
    })
    .trim();

const pathOf = (name: string): string => join(directory, `${name}.nft`);

function compare(name: string, about: string): void {
  const listed = sh("nft list ruleset");
  if (process.env.UPDATE_GOLDEN) writeFileSync(pathOf(name), `# ${about}\n${listed}`);
  const golden = readFileSync(pathOf(name), "utf8");
  assert.equal(golden.split("\n")[0], `# ${about}`);
  assert.equal(normal(listed), normal(golden));
}

describe("the rule set", () => {
  for (const [name, { about, elements }] of Object.entries(SITUATIONS)) {
    test(`${name}: as docs/rules/${name}.nft has it`, async () => {
      sh("nft flush ruleset");
      await kernel.nft(loadRules(elements));
      compare(name, about);
    });

    test(`${name}: the file can be loaded as it is`, () => {
      sh(`nft flush ruleset; nft -f ${pathOf(name)}`);
      assert.equal(normal(sh("nft list ruleset")), normal(readFileSync(pathOf(name), "utf8")));
    });
  }

  test("docs/rules has a file for each situation, and no other", () => {
    const files = readdirSync(directory).filter((name) => name.endsWith(".nft"));
    assert.deepEqual(files.sort(), [...Object.keys(SITUATIONS), "admin"].map((name) => `${name}.nft`).sort());
  });

  test("loading again replaces what was there, and touches no other table", async () => {
    sh("nft flush ruleset; nft add table inet other; nft add chain inet other kept");
    await kernel.nft(makeAdminTable());
    await kernel.nft(loadRules(SITUATIONS["dual-stack"].elements));
    await kernel.nft(loadRules(SITUATIONS["default-bridge"].elements));
    assert.match(sh("nft list table bridge drawbridge-guard"), /set ports \{\s+type ifname\s+\}/);
    await kernel.nft(dropRules());
    assert.deepEqual(sh("nft list tables").trim().split("\n"), [`table inet other`, `table ${ADMIN_TABLE}`]);
    assert.match(sh("nft list ruleset"), /chain kept/);
    await kernel.nft(dropRules());
  });

  test("a load that fails leaves the old rules standing", async () => {
    await kernel.nft(loadRules(SITUATIONS["default-bridge"].elements));
    const before = sh("nft list ruleset");
    await assert.rejects(kernel.nft(`${loadRules({})}add element inet drawbridge nosuch { 1 }\n`));
    assert.equal(sh("nft list ruleset"), before);
  });
});

describe("the administrator's table", () => {
  const listed = () => sh(`nft list table ${ADMIN_TABLE}`);

  test("is as docs/rules/admin.nft has it", async () => {
    sh("nft flush ruleset");
    await kernel.nft(makeAdminTable());
    compare("admin", "The administrator's own table, as the engine makes it: yours from then on.");
  });

  test("is told from one that was written into", () => {
    assert.ok(isAdminTableUntouched(listed()));
    for (const change of [
      `add element ${ADMIN_TABLE} closed { tcp . 8080 }`,
      `add element ${ADMIN_TABLE} denied6 { 2001:db8::/32 }`,
      `add rule ${ADMIN_TABLE} user ip saddr 192.0.2.1 drop`,
      `add chain ${ADMIN_TABLE} mine`,
    ]) {
      sh(`nft '${change}'`);
      assert.ok(!isAdminTableUntouched(listed()), change);
      sh(`nft delete table ${ADMIN_TABLE}`);
      sh(`nft -f ${pathOf("admin")}`);
      assert.ok(isAdminTableUntouched(listed()));
    }
  });

  test("takes what docs/network.md tells to put into it", () => {
    const page = readFileSync(join(directory, "../network.md"), "utf8");
    const section = /^### Your own rules$(.*?)^##/ms.exec(page)?.[1] ?? "";
    const commands = [...section.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block = ""]) => block);
    assert.equal(commands.length, 2);
    for (const each of commands) sh(`set -e\n${each}`);
    assert.match(listed(), /ct original proto-dst 8080 ip saddr != 192\.0\.2\.0\/24 drop/);
  });
});
