/** What the monitor hears of a real kernel, and what it does not. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { parseAddress } from "../../src/lib/ip.ts";
import { startKernel } from "../../src/linux/kernel-client.ts";
import { isolated } from "../support/isolated.ts";
import { foreignNft, Hearing, newReactor, sh } from "./coexistence-fixture.ts";

isolated(import.meta);

const reactor = newReactor();
const kernel = await startKernel();
const heard = new Hearing(reactor);
after(async () => {
  heard.close();
  await kernel.close();
  await reactor.close();
});

const elements = (count: number, port: number) => ({
  do: "add-elements" as const,
  about: "test",
  elements: Array.from({ length: count }, (_, i) => ({
    family: "inet" as const,
    table: "drawbridge",
    set: "ports",
    key: [{ address: parseAddress(`10.0.${i >> 8}.${i & 255}`) }, { port }],
  })),
});

test("transactions of the engine's own thread are not told, however many elements they have", async () => {
  const { tables, by } = await heard.after(
    async () => {
      await kernel.nft(
        "add table inet drawbridge; add set inet drawbridge ports { type ipv4_addr . inet_service; }",
      );
      await kernel.apply([elements(10_000, 80)]);
      await kernel.apply([elements(10_000, 81)]);
      sh("nft add table ip foreign"); // announcements come in order
    },
    ({ tables }) => tables.has("ip foreign"),
  );
  assert.deepEqual([...tables], [["ip foreign", "rules"]]);
  assert.deepEqual([...by], ["nft"]);
  assert.deepEqual(
    heard.all.flatMap(({ tables }) => [...tables.keys()]),
    ["ip foreign"],
  );
  assert.ok(heard.all.every(({ lost }) => !lost));
});

test("elements that somebody else takes out of our sets are", async () => {
  const { tables } = await heard.after(
    () => sh("nft 'delete element inet drawbridge ports { 10.0.0.1 . 80 }'"),
    ({ tables }) => tables.size > 0,
  );
  assert.deepEqual([...tables], [["inet drawbridge", "elements"]]);
});

test("a flush of the whole rule set names every table", async () => {
  const { tables } = await heard.after(
    () => sh("nft flush ruleset"),
    ({ tables }) => tables.size > 0,
  );
  assert.deepEqual(
    [...tables],
    [
      ["inet drawbridge", "rules"],
      ["ip foreign", "rules"],
    ],
  );
});

test("a bridge that is set down, deleted, robbed of its port and its address", async () => {
  await heard.after(
    () =>
      sh(`ip link add br0 type bridge; ip addr add 10.1.0.1/24 dev br0; ip link set br0 up
        ip link add port0 type veth peer name port1; ip link set port0 master br0 up`),
    ({ links }) => [...links.values()].some(({ name, master }) => name === "port0" && master !== undefined),
  );
  const index = (name: string) => Number(sh(`cat /sys/class/net/${name}/ifindex`));
  const [bridge, port] = [index("br0"), index("port0")];

  await heard.after(
    () => sh("ip link set port0 nomaster"),
    ({ released }) => released.has(port),
  );
  await heard.after(
    () => sh("ip addr del 10.1.0.1/24 dev br0"),
    ({ unaddressed }) => unaddressed.has(bridge),
  );
  const { links } = await heard.after(
    () => sh("ip link set br0 down"),
    ({ links }) => links.get(bridge)?.up === false,
  );
  assert.equal(links.get(bridge)?.name, "br0");
  const { gone } = await heard.after(
    () => sh("ip link del br0"),
    ({ gone }) => gone.size > 0,
  );
  assert.deepEqual([...gone], [[bridge, "br0"]]);
});

test("a link-local address, as IPv6 makes and drops by itself, is no loss; others are", async () => {
  sh("ip link add br2 type bridge; ip link set br2 up");
  const index = Number(sh("cat /sys/class/net/br2/ifindex"));
  const without = (address: string) =>
    sh(`ip addr add ${address}/64 dev br2 nodad; ip addr del ${address}/64 dev br2`);
  await heard.after(
    () => {
      without("fe80::5");
      sh("ip link add br3 type bridge");
    },
    ({ links }) => [...links.values()].some(({ name }) => name === "br3"),
  );
  assert.ok(heard.all.every(({ unaddressed }) => !unaddressed.has(index)));
  await heard.after(
    () => without("fd00::5"),
    ({ unaddressed }) => unaddressed.has(index),
  );
});

test("a port that is deleted was not taken off its bridge", async () => {
  sh("ip link add br1 type bridge; ip link set port0 master br1");
  const { released, gone } = await heard.after(
    () => sh("ip link del port0"),
    ({ gone }) => [...gone.values()].includes("port0"),
  );
  assert.deepEqual([...gone.values()].sort(), ["port0", "port1"]);
  assert.deepEqual([...released], []);
});

test("what there was no room for is told as lost", async () => {
  // This thread, which would read, is held up while nft works; what a rule's announcement takes is a kilobyte.
  const rules = Array.from(
    { length: 20_000 },
    (_, i) => `add rule ip big c ip saddr 10.0.${i >> 8}.${i & 255} drop\n`,
  );
  await heard.after(
    () => foreignNft(`add table ip big\nadd chain ip big c\n${rules.join("")}`),
    ({ lost }) => lost,
  );
});
