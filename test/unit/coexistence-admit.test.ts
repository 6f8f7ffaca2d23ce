/** Rules of ours in DOCKER-USER, as input of iptables-restore. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { admission, hasPlace, withdrawal, withoutUs } from "../../src/network/coexistence/admit.ts";
import { readIptablesSave } from "../../src/network/coexistence/iptables-save.ts";
import type { Table } from "../../src/network/coexistence/ruleset.ts";
import { DOCKERD_20, DOCKERD_28, UFW } from "./coexistence-firewalls.ts";

function filter(text: string): Table {
  const [table] = readIptablesSave(text, { tool: "iptables", family: "ip" });
  assert.ok(table);
  return table;
}

const JUMP = "-m comment --comment drawbridge -j DRAWBRIDGE";
const ADMITTED = DOCKERD_20.replace(
  ":DOCKER-USER - [0:0]",
  ":DOCKER-USER - [0:0]\n:DRAWBRIDGE - [0:0]",
).replace(
  "-A DOCKER-USER -j RETURN",
  `-A DOCKER-USER ${JUMP}\n-A DOCKER-USER -j RETURN\n-A DRAWBRIDGE -o br-a -j ACCEPT\n-A DRAWBRIDGE -i br-a -o eth0 -j ACCEPT`,
);

test("the place is dockerd's own chain in iptables' own table", () => {
  assert.equal(hasPlace(filter(DOCKERD_20)), true);
  assert.equal(hasPlace(filter(UFW)), false);
  assert.equal(hasPlace({ ...filter(DOCKERD_20), tool: "nft" }), false);
});

test("a chain of ours, and one jump to it before dockerd's RETURN", () => {
  assert.equal(
    admission(filter(DOCKERD_20), ["br-a", "br-b"], ["eth0", "wlan0"]),
    `*filter
:DRAWBRIDGE - [0:0]
-A DRAWBRIDGE -o br-a -j ACCEPT
-A DRAWBRIDGE -i br-a -o eth0 -j ACCEPT
-A DRAWBRIDGE -i br-a -o wlan0 -j ACCEPT
-A DRAWBRIDGE -o br-b -j ACCEPT
-A DRAWBRIDGE -i br-b -o eth0 -j ACCEPT
-A DRAWBRIDGE -i br-b -o wlan0 -j ACCEPT
-I DOCKER-USER 1 ${JUMP}
COMMIT
`,
  );
});

test("behind what an administrator has put there", () => {
  const own = (text: string) =>
    text.replace("COMMIT", "-A DOCKER-USER -i eth0 -s 192.0.2.0/24 -j DROP\n-A DOCKER-USER -j LOG\nCOMMIT");
  assert.match(admission(filter(own(DOCKERD_28)), ["br-a"], []) ?? "", /^-I DOCKER-USER 3 /m);
  const before = own(DOCKERD_20)
    .replace("-A DOCKER-USER -j RETURN\n", "")
    .replace("COMMIT", "-A DOCKER-USER -j RETURN\nCOMMIT");
  assert.match(admission(filter(before), ["br-a"], []) ?? "", /^-I DOCKER-USER 3 /m);
});

test("nothing is done twice, and what is not as it shall be is done again", () => {
  assert.equal(admission(filter(ADMITTED), ["br-a"], ["eth0"]), undefined);
  const more = admission(filter(ADMITTED), ["br-a"], ["eth0", "wlan0"]) ?? "";
  assert.match(more, /-A DRAWBRIDGE -i br-a -o wlan0 -j ACCEPT/);
  assert.doesNotMatch(more, /DOCKER-USER/);
  const behind = ADMITTED.replace(
    `-A DOCKER-USER ${JUMP}\n-A DOCKER-USER -j RETURN`,
    `-A DOCKER-USER -j RETURN\n-A DOCKER-USER ${JUMP}`,
  );
  assert.match(admission(filter(behind), ["br-a"], ["eth0"]) ?? "", /^-D DOCKER-USER .*\n-I DOCKER-USER 1 /m);
});

test("it is taken out whole, and seen away", () => {
  assert.equal(
    withdrawal(filter(ADMITTED)),
    `*filter\n:DRAWBRIDGE - [0:0]\n-D DOCKER-USER ${JUMP}\n-X DRAWBRIDGE\nCOMMIT\n`,
  );
  assert.equal(withdrawal(filter(DOCKERD_20)), undefined);
  assert.deepEqual(withoutUs(filter(ADMITTED)).chains.get("DRAWBRIDGE")?.rules, []);
});
