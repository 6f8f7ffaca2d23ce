/** Names are back with the engine's next start. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dockerIn } from "../support/docker.ts";
import { needsRoot, ThrowawayHost } from "../support/host.ts";
import { FAR } from "../support/internet.ts";

for (const end of ["kill9", "stop"] as const) {
  test(`an engine ended by ${end}`, async (t) => {
    if (needsRoot(t)) return;
    await using host = await ThrowawayHost.create();
    const first = await host.startEngine();
    const docker = dockerIn({ host, engine: first });
    await docker("network create --subnet 10.75.0.0/24 net");
    await docker.idle("asker", "--network net");
    await docker.idle("stays", "--network net --ip 10.75.0.50 --network-alias www");
    await docker.idle("ends", "--network net --ip 10.75.0.51");
    const addresses = async (name: string) =>
      [...(await docker.shell("asker", `nslookup ${name}`)).stdout.matchAll(/^Address: (\S+)$/gm)].map(
        ([, address]) => address,
      );
    assert.deepEqual(await addresses("www"), ["10.75.0.50"]);
    assert.deepEqual(await addresses("ends"), ["10.75.0.51"]);
    const pid = await docker("inspect --format {{.State.Pid}} ends");
    await first[end]();
    await host.run("kill", ["-9", pid]);

    await using _ = await host.startEngine();
    assert.deepEqual(await addresses("www"), ["10.75.0.50"]);
    assert.deepEqual(await addresses("stays.net"), ["10.75.0.50"]);
    assert.deepEqual(await addresses("ends"), []);
    assert.deepEqual(await addresses("example.org"), [FAR.address]);
    await docker.idle("fresh", "--network net --network-alias www --ip 10.75.0.52");
    assert.deepEqual((await addresses("www")).toSorted(), ["10.75.0.50", "10.75.0.52"]);
    await docker("rm -f asker stays ends fresh");
  });
}
