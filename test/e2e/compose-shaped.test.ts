/** What compose asks for: two services, two networks, aliases, one network internal, ports; all of it through the API. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { dockerIn } from "../support/docker.ts";
import { linksOf } from "../support/inspect.ts";
import { FAR, HOST, OUTSIDE } from "../support/internet.ts";
import { withoutRoot } from "../support/root.ts";
import { hostWithEngine } from "../support/suite.ts";

const PROJECT = "com.docker.compose.project";
const labels = (kind: string, name: string) => ({ [PROJECT]: "shop", [`com.docker.compose.${kind}`]: name });

describe("a compose project", { skip: withoutRoot }, () => {
  const suite = hostWithEngine();
  const docker = dockerIn(suite);
  const ask = async <T = { Id: string }>(method: string, path: string, body?: unknown): Promise<T> => {
    const { status, text } = await suite.engine.request(method, `/v1.47${path}`, body);
    assert.ok(status < 300, `${method} ${path}: ${status} ${text}`);
    return text === "" ? ({} as T) : JSON.parse(text);
  };
  const filters = (value: object) => encodeURIComponent(JSON.stringify(value));

  /** As compose makes a network: looked for by its label, and its checksum noted. */
  async function network(name: string, more: object = {}): Promise<string> {
    const found = await ask<unknown[]>("GET", `/networks?filters=${filters({ name: [`shop_${name}`] })}`);
    assert.deepEqual(found, []);
    const { Id } = await ask("POST", "/networks/create", {
      Name: `shop_${name}`,
      Driver: "",
      EnableIPv6: false,
      CheckDuplicate: true,
      Labels: labels("network", name),
      ...more,
    });
    return Id;
  }

  /** As compose makes a service's container: its first network at the creation, further ones at once or later. */
  async function service(
    name: string,
    networks: Readonly<Record<string, object>>,
    more: {
      readonly HostConfig?: object;
      readonly Cmd?: readonly string[];
      readonly ExposedPorts?: object;
    } = {},
  ): Promise<string> {
    const { HostConfig, ...config } = more;
    const container = `shop-${name}-1`;
    const endpoints = Object.fromEntries(
      Object.entries(networks).map(([network, settings]) => [
        `shop_${network}`,
        { Aliases: [container, name], ...settings },
      ]),
    );
    const [first = ""] = Object.keys(endpoints);
    const { Id } = await ask("POST", `/containers/create?name=${container}`, {
      Image: "busybox",
      Cmd: ["sleep", "1000"],
      Labels: labels("service", name),
      ...config,
      HostConfig: { NetworkMode: first, RestartPolicy: { Name: "unless-stopped" }, ...HostConfig },
      NetworkingConfig: { EndpointsConfig: { [first]: endpoints[first] } },
    });
    for (const [network, EndpointConfig] of Object.entries(endpoints).slice(1)) {
      await ask("POST", `/networks/${network}/connect`, { Container: Id, EndpointConfig });
    }
    await ask("POST", `/containers/${Id}/start`);
    return Id;
  }

  const reaches = async (from: string, name: string) =>
    (await docker.shell(`shop-${from}-1`, `ping -c1 -W1 ${name}`)).code === 0;
  const page = async (url: string) =>
    (await suite.host.runOutside("curl", ["-sm2", url], { check: false })).stdout;

  test("up, in use, scaled, recreated, and down", async () => {
    const links = (await linksOf(suite.host)).map(({ ifname }) => ifname);
    await network("front");
    await network("back", { Internal: true, IPAM: { Config: [{ Subnet: "10.80.0.0/24" }] } });
    await service("db", { back: { IPAMConfig: { IPv4Address: "10.80.0.10" }, Aliases: ["db", "database"] } });
    await service(
      "web",
      { front: { Aliases: ["web", "www"] }, back: { GwPriority: 0 } },
      {
        Cmd: ["httpd", "-f", "-h", "/etc"],
        ExposedPorts: { "80/tcp": {} },
        HostConfig: { PortBindings: { "80/tcp": [{ HostIp: "", HostPort: "8080" }] } },
      },
    );
    await service("cron", { front: {} });

    // Who knows and reaches whom.
    for (const name of ["db", "database", "shop-db-1", "10.80.0.10", "cron"]) {
      assert.ok(await reaches("web", name), `web reaches ${name}`);
    }
    assert.ok(await reaches("db", "web"));
    assert.ok(await reaches("cron", "www"));
    for (const name of ["db", "database", "10.80.0.10"]) {
      assert.ok(!(await reaches("cron", name)), `cron does not reach ${name}`);
    }
    assert.ok(!(await reaches("db", "www")), "an alias is of its own network");
    assert.ok(!(await reaches("db", "example.org")) && !(await reaches("db", FAR.address)), "db is inside");
    assert.ok((await reaches("web", "example.org")) && (await reaches("cron", OUTSIDE.address)));
    assert.match(await page(`http://${HOST.address}:8080/hostname`), /^[0-9a-f]{12}\n$/);

    // `compose ps` and `compose port`.
    assert.deepEqual(
      (
        await docker.lines(`ps --filter label=${PROJECT}=shop --format`, "{{.Names}}: {{.Ports}}|")
      ).toSorted(),
      ["shop-cron-1: |", "shop-db-1: |", "shop-web-1: 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp|"],
    );
    assert.deepEqual(
      (await docker.lines(`network ls --filter label=${PROJECT}=shop --format {{.Name}}`)).toSorted(),
      ["shop_back", "shop_front"],
    );

    // `up --scale cron=2`: a second container behind the service's name.
    const { Id } = await ask("POST", "/containers/create?name=shop-cron-2", {
      Image: "busybox",
      Cmd: ["sleep", "1000"],
      Labels: labels("service", "cron"),
      HostConfig: { NetworkMode: "shop_front" },
      NetworkingConfig: { EndpointsConfig: { shop_front: { Aliases: ["shop-cron-2", "cron"] } } },
    });
    await ask("POST", `/containers/${Id}/start`);
    const { stdout } = await docker.shell("shop-web-1", "nslookup -type=A cron");
    assert.equal([...stdout.matchAll(/^Address: /gm)].length, 2);

    // `up` after a change: the old container makes way under another name, and the new one takes its port.
    await ask("POST", "/containers/shop-web-1/rename?name=old_shop-web-1");
    await ask("POST", "/containers/old_shop-web-1/stop?t=0");
    await ask("DELETE", "/containers/old_shop-web-1?force=1");
    await service(
      "web",
      { back: {}, front: { Aliases: ["web"] } },
      {
        Cmd: ["httpd", "-f", "-h", "/etc"],
        HostConfig: { PortBindings: { "80/tcp": [{ HostPort: "8080" }] } },
      },
    );
    assert.match(await page(`http://${HOST.address}:8080/hostname`), /^[0-9a-f]{12}\n$/);
    assert.ok((await reaches("web", "db")) && (await reaches("web", "example.org")));
    assert.ok((await reaches("cron", "web")) && !(await reaches("cron", "www")));

    // `down`: containers at once, then networks at once.
    const running = await docker.lines(`ps -aq --filter label=${PROJECT}=shop`);
    await Promise.all(running.map((id) => ask("POST", `/containers/${id}/stop?t=0`)));
    await Promise.all(running.map((id) => ask("DELETE", `/containers/${id}?force=1`)));
    await Promise.all(["front", "back"].map((name) => ask("DELETE", `/networks/shop_${name}`)));
    assert.deepEqual(
      (await linksOf(suite.host)).map(({ ifname }) => ifname),
      links,
    );
    assert.equal(await page(`http://${HOST.address}:8080/`), "");
    assert.deepEqual(await docker.lines("network ls --filter type=custom -q"), []);
  });

  test("all services at once, and two projects beside one another", async () => {
    const projects = ["one", "two"];
    await Promise.all(projects.map((name) => docker(`network create ${name}_default`)));
    const services = projects.flatMap((project) =>
      ["a", "b", "c", "d"].map((name) => ({ project, name, container: `${project}-${name}-1` })),
    );
    await Promise.all(
      services.map(({ project, name, container }) =>
        docker.idle(container, `--network ${project}_default --network-alias ${name}`),
      ),
    );
    for (const project of projects) {
      const subnet = await docker(
        `network inspect ${project}_default --format`,
        "{{(index .IPAM.Config 0).Subnet}}",
      );
      const { stdout } = await docker.shell(`${project}-a-1`, "ping -c1 -W2 d");
      const begin = subnet.split(".").slice(0, 2).join(".");
      assert.match(stdout, new RegExp(`^PING d \\(${begin.replace(".", "\\.")}\\.`), "each its own d");
      assert.match(stdout, / 0% packet loss/);
    }
    assert.equal((await docker.shell("one-a-1", "ping -c1 -W1 two-a-1")).code === 0, false);
    await docker("rm -f", ...services.map(({ container }) => container));
    await docker("network rm one_default two_default");
  });
});
