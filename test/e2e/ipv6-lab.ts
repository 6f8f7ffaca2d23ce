/** What the tests of IPv6 ask of a host with the real programs. */
import assert from "node:assert/strict";
import type { ThrowawayHost } from "../support/host.ts";

/** `docker inspect`, one network of it. */
export interface SeenEndpoint {
  readonly NetworkID: string;
  readonly EndpointID: string;
  readonly MacAddress: string;
  readonly Gateway: string;
  readonly IPAddress: string;
  readonly IPPrefixLen: number;
  readonly IPv6Gateway: string;
  readonly GlobalIPv6Address: string;
  readonly GlobalIPv6PrefixLen: number;
  readonly IPAMConfig: Readonly<Record<string, string>> | null;
}

/** `docker network inspect`. */
export interface SeenNetwork {
  readonly Id: string;
  readonly EnableIPv4: boolean;
  readonly EnableIPv6: boolean;
  readonly IPAM: {
    readonly Config: readonly { readonly Subnet: string; readonly Gateway?: string; IPRange?: string }[];
  };
  readonly Containers: Readonly<
    Record<string, { readonly Name: string; readonly IPv4Address: string; readonly IPv6Address: string }>
  >;
  readonly Options: Readonly<Record<string, string>>;
}

/** `ip -json -6 address`. */
export interface SeenAddress {
  readonly local: string;
  readonly prefixlen: number;
  readonly scope: string;
  readonly tentative?: boolean;
  readonly nodad?: boolean;
}

/** `ip -json -6 route`. */
export interface SeenRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev: string;
}

/** Files of a web server that tells each client its own name, and the address that it sees it under. */
const pages = (directory: string, name: string) => `mkdir -p ${directory}/cgi-bin
printf '#!/bin/sh\\necho "Content-Type: text/plain"\\necho\\necho "${name} $REMOTE_ADDR"\\n' >${directory}/cgi-bin/who
chmod +x ${directory}/cgi-bin/who`;

/** Such a server, as a container. */
export const WHO = ["sh", "-c", `${pages("/www", "$(hostname)")}\nexec httpd -f -p 80 -h /www`] as const;

/** Seconds that what must be reached may take, and that what must not be is waited for. */
const PATIENCE = { reached: "10", unreached: "1" } as const;

export class Lab {
  readonly #host: () => ThrowawayHost;

  constructor(host: () => ThrowawayHost) {
    this.#host = host;
  }

  /** @returns what it says, trimmed */
  docker = async (...args: string[]): Promise<string> => (await this.#host().docker(...args)).stdout.trim();

  /** @returns what a refused command says */
  async refused(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.#host().tryDocker(...args);
    assert.notEqual(code, 0, `docker ${args.join(" ")}: ${stdout}`);
    return stderr;
  }

  async endpoint(container: string, network: string): Promise<SeenEndpoint> {
    const all = await this.docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", container);
    const seen = (JSON.parse(all) as Record<string, SeenEndpoint>)[network];
    assert.ok(seen, `${container} is not on ${network}: ${all}`);
    return seen;
  }

  async network(name: string): Promise<SeenNetwork> {
    const [seen] = JSON.parse(await this.docker("network", "inspect", name)) as SeenNetwork[];
    assert.ok(seen);
    return seen;
  }

  /** By shell, in the host. */
  async sh(script: string): Promise<string> {
    return (await this.#host().run("sh", ["-ec", script])).stdout.trim();
  }

  async outside(script: string): Promise<string> {
    return (await this.#host().runOutside("sh", ["-ec", script])).stdout.trim();
  }

  /** Such a server in the outside, on port 80 of all its addresses; it ends with the host. */
  async serveOutside(): Promise<void> {
    const directory = `${this.#host().directory}/outside-pages`;
    await this.outside(`${pages(directory, "outside")}\nbusybox httpd -p 80 -h ${directory}`);
  }

  inside = (container: string, script: string): Promise<string> =>
    this.docker("exec", container, "sh", "-c", script);

  /** The host's own `ip` in a container's namespace. */
  async #ip<T>(container: string, ...args: string[]): Promise<T> {
    const key = await this.docker("inspect", "--format", "{{.NetworkSettings.SandboxKey}}", container);
    return JSON.parse((await this.#host().run("nsenter", [`--net=${key}`, "ip", "-json", ...args])).stdout);
  }

  /** IPv6 addresses of an interface; none where it has no IPv6. */
  async addresses6(container: string, link: string): Promise<readonly SeenAddress[]> {
    const links = await this.#ip<{ addr_info?: SeenAddress[] }[]>(container, "-6", "address", "show", link);
    return links.flatMap(({ addr_info = [] }) => addr_info);
  }

  async defaultRoute(container: string, family: 4 | 6): Promise<readonly SeenRoute[]> {
    return await this.#ip<SeenRoute[]>(container, `-${family}`, "route", "show", "default");
  }

  /** A sysctl by its key below net.ipv6.conf: of the host, or of a container. */
  conf6(key: string, container?: string): Promise<string> {
    const script = `cat /proc/sys/net/ipv6/conf/${key}`;
    return container === undefined ? this.sh(script) : this.inside(container, script);
  }

  /** @param from `host`, `outside`, or a container */
  async #run(from: string, argv: readonly string[]): Promise<{ code: number; stdout: string }> {
    const host = this.#host();
    const options = { check: false };
    if (from === "host") return host.run("busybox", argv, options);
    if (from === "outside") return host.runOutside("busybox", argv, options);
    return host.tryDocker("exec", from, ...argv);
  }

  async reaches(from: string, address: string): Promise<void> {
    const { code, stdout } = await this.#run(from, ["ping", "-c1", "-W", PATIENCE.reached, address]);
    assert.equal(code, 0, `${from} does not reach ${address}: ${stdout}`);
  }

  async reachesNot(from: string, address: string): Promise<void> {
    const { code, stdout } = await this.#run(from, ["ping", "-c1", "-W", PATIENCE.unreached, address]);
    assert.notEqual(code, 0, `${from} reaches ${address}: ${stdout}`);
  }

  #ask = (from: string, authority: string, seconds: string) =>
    this.#run(from, ["timeout", seconds, "wget", "-qO-", `http://${authority}/cgi-bin/who`]);

  /** A container that is a server of `WHO`, and answers: `run` returns when it has started, which is before. */
  async serve(name: string, ...flags: readonly string[]): Promise<void> {
    await this.docker("run", "-d", "--name", name, "--hostname", name, ...flags, "busybox", ...WHO);
    const answered = "wget -qO /dev/null http://127.0.0.1/cgi-bin/who";
    const ready = `i=0; until ${answered} || [ $((i += 1)) = 100 ]; do sleep 0.05; done`;
    await this.docker("exec", name, "sh", "-c", ready);
  }

  /** Ask a server of `WHO`. @returns its host name, and who it took the client for */
  async asks(from: string, authority: string): Promise<{ server: string; client: string }> {
    const { code, stdout } = await this.#ask(from, authority, PATIENCE.reached);
    assert.equal(code, 0, `${from} gets nothing from ${authority}`);
    const [server = "", client = ""] = stdout.trim().split(" ");
    return { server, client: client.replace(/^\[?(::ffff:)?(.*?)\]?$/, "$2") };
  }

  async asksInVain(from: string, authority: string): Promise<void> {
    const { code, stdout } = await this.#ask(from, authority, PATIENCE.unreached);
    assert.notEqual(code, 0, `${from} reaches ${authority}: ${stdout}`);
  }
}
