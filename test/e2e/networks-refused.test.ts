/** What Docker's network code refuses, with its status and words; nothing has changed afterwards. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { dockerIn, networkState } from "../support/docker.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";
import { connections, creations, disconnections } from "./networks-refusals.ts";
import { containers, starts } from "./networks-refusals-containers.ts";

describe("a refused request about networks", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  const docker = dockerIn(suite);
  before(async () => {
    await docker("network create --subnet 10.20.0.0/16 --gateway 10.20.0.1 taken");
    await docker("network create --config-only --subnet 10.29.0.0/24 base");
    await docker("network create loose");
    await docker.idle("user", "--network taken --ip 10.20.0.9 -p 8080:80");
    await docker("create --name idle --network taken busybox");
    await docker.idle("hosted", "--network host");
    await docker.idle("alone", "--network none");
    await docker.idle("plain");
    await docker.idle("guest", "--network container:plain");
  });

  /** @returns what it was answered, and that nothing has come of it */
  const unchanged = async (
    status: number,
    says: RegExp,
    ask: () => ReturnType<typeof suite.engine.request>,
  ) => {
    const state = await networkState(suite);
    const response = await ask();
    assert.equal(response.status, status, response.text);
    const body: { message: string } = JSON.parse(response.text);
    assert.deepEqual(Object.keys(body), ["message"]);
    assert.match(body.message, says);
    assert.deepEqual(await networkState(suite), state);
  };
  const post = (path: string, body: unknown) => suite.engine.request("POST", path, body);

  describe("create", () => {
    for (const [what, asked, status, says] of creations) {
      test(what, () =>
        unchanged(status, says, () => post("/networks/create", { Name: "x", ...(asked as object) })),
      );
    }
  });

  for (const [verb, refusals] of [
    ["connect", connections],
    ["disconnect", disconnections],
  ] as const) {
    describe(verb, () => {
      for (const [what, asked, status, says] of refusals) {
        const [network, Container] = what.split(" ");
        test(`${what} ${JSON.stringify(asked)}`, () =>
          unchanged(status, says, () =>
            post(`/networks/${network}/${verb}`, { Container, ...(asked as object) }),
          ));
      }
    });
  }

  test("remove", async () => {
    const remove = (network: string) => suite.engine.request("DELETE", `/networks/${network}`);
    await unchanged(404, /^network nosuch not found$/, () => remove("nosuch"));
    await unchanged(403, /^bridge is a pre-defined network and cannot be removed$/, () => remove("bridge"));
    await unchanged(403, /network taken has active endpoints \(name:"user" id:"[0-9a-f]{12}"\)$/, () =>
      remove("taken"),
    );
  });

  test("an id's prefix that two networks have", async () => {
    const ids = (JSON.parse((await suite.engine.request("GET", "/networks")).text) as { Id: string }[]).map(
      ({ Id }) => Id,
    );
    const begins = (prefix: string) => ids.filter((id) => id.startsWith(prefix)).length;
    for (let n = 0; ids.every((id) => begins(id.slice(0, 1)) < 2) && n < 17; n += 1) {
      const made = await post("/networks/create", { Name: `more${n}` });
      ids.push(JSON.parse(made.text).Id);
    }
    const prefix = ids.map((id) => id.slice(0, 1)).find((one) => begins(one) > 1) ?? "";
    await unchanged(400, new RegExp(`network ${prefix} is ambiguous`), () =>
      suite.engine.request("GET", `/networks/${prefix}`),
    );
    await docker("network prune -f");
    await docker("network create loose");
  });

  test("filters", async () => {
    const list =
      (filters: object, method = "GET", path = "/networks") =>
      () =>
        suite.engine.request(method, `${path}?filters=${encodeURIComponent(JSON.stringify(filters))}`);
    await unchanged(400, /^invalid filter 'nosuch'$/, list({ nosuch: ["a"] }));
    await unchanged(400, /^invalid filter 'dangling=\[maybe\]'$/, list({ dangling: ["maybe"] }));
    await unchanged(400, /^invalid filter: 'type'='odd'$/, list({ type: ["odd"] }));
    await unchanged(400, /^invalid filter 'nosuch'$/, list({ nosuch: ["a"] }, "POST", "/networks/prune"));
  });

  describe("containers create", () => {
    for (const [what, asked, status, says] of containers) {
      test(what, () =>
        unchanged(status, says, () =>
          post("/containers/create?name=victim", { Image: "busybox", ...(asked as object) }),
        ),
      );
    }
  });

  describe("containers start", () => {
    for (const [what, asked, status, says] of starts) {
      test(what, async () => {
        const made = await post("/containers/create?name=victim", { Image: "busybox", ...(asked as object) });
        assert.equal(made.status, 201, made.text);
        try {
          await unchanged(status, says, () => post("/containers/victim/start", undefined));
          const { State } = JSON.parse((await suite.engine.request("GET", "/containers/victim/json")).text);
          assert.deepEqual([State.Status, State.ExitCode], ["created", 128]);
        } finally {
          await suite.engine.request("DELETE", "/containers/victim");
        }
      });
    }
  });
});
