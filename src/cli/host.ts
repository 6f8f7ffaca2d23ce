/** Which engine a command talks to. */

const DEFAULT_HOST = "unix:///run/drawbridge.sock";

/** Another engine's socket is left to its own client: `DOCKER_HOST` counts where its path speaks of us. */
const namesDrawbridge = (host: string): boolean => host.startsWith("unix://") && /drawbridge/.test(host);

/** `-H`, DRAWBRIDGE_HOST, DOCKER_HOST where it names a drawbridge socket, the default. */
export function chooseHost(
  flag: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  const { DRAWBRIDGE_HOST: own, DOCKER_HOST: docker } = environment;
  return flag || own || (docker && namesDrawbridge(docker) ? docker : DEFAULT_HOST);
}

export type Endpoint =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** @throws for what is neither `unix://PATH` nor `tcp://HOST[:PORT]` */
export function parseEndpoint(text: string): Endpoint {
  if (text.startsWith("unix://")) {
    const path = text.slice("unix://".length);
    if (path.startsWith("/")) return { kind: "unix", path };
  }
  const tcp = /^(?:tcp|http):\/\/(?:\[(?<six>[^\]]+)\]|(?<host>[^:/]+))(?::(?<port>\d+))?\/?$/.exec(text);
  if (tcp?.groups) {
    const { six, host, port } = tcp.groups;
    return { kind: "tcp", host: six ?? host ?? "", port: Number(port ?? 2375) };
  }
  throw new Error(
    `unable to parse docker host ${JSON.stringify(text)}: unix:///PATH or tcp://HOST:PORT is wanted`,
  );
}
