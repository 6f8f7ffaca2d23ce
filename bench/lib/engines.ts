/** What the contestants that speak the Docker Engine API are asked to do, by the project's own client. */
import { Readable } from "node:stream";
import { ApiClient } from "../../src/api/client.ts";

/** The newest version that all of them know; connections stay open, as the CLI of a busy host has it. */
export const clientOf = (socket: string): ApiClient =>
  new ApiClient({ kind: "unix", path: socket }, { version: "1.41" });

/** A container of `image`, created. @returns its id. @throws ApiError */
export async function createContainer(
  client: ApiClient,
  image: string,
  command: readonly string[],
  more: {
    readonly name?: string;
    readonly hostConfig?: { readonly NetworkMode?: string; readonly PortBindings?: object };
  } = {},
): Promise<string> {
  const query = more.name === undefined ? undefined : { name: more.name };
  const { Id } = await client.post<{ readonly Id: string }>("/containers/create", query, {
    Image: image,
    Cmd: command,
    ...(more.hostConfig && { HostConfig: more.hostConfig }),
    // dockerd publishes what is exposed as well.
    ExposedPorts: Object.fromEntries(
      Object.keys(more.hostConfig?.PortBindings ?? {}).map((port) => [port, {}]),
    ),
  });
  return Id;
}

/** An image of one layer, from a tar archive. @throws ApiError */
export async function importImage(client: ApiClient, image: string, archive: Uint8Array): Promise<void> {
  const query = { fromSrc: "-", repo: image, tag: "latest" };
  const progress = await client.stream("POST", "/images/create", { query, body: Readable.from([archive]) });
  await progress.resume().toArray();
}
