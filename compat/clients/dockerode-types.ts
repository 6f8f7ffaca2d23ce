/** What of dockerode is used: it is no dependency, so its own types aren't here. */

export interface Docker {
  readonly modem: {
    followProgress(
      stream: NodeJS.ReadableStream,
      done: (error: Error | null, output: unknown[]) => void,
    ): void;
    demuxStream(
      stream: NodeJS.ReadableStream,
      stdout: NodeJS.WritableStream,
      stderr: NodeJS.WritableStream,
    ): void;
  };
  ping(): Promise<Buffer>;
  importImage(image: NodeJS.ReadableStream, options: object): Promise<NodeJS.ReadableStream>;
  run(
    image: string,
    command: readonly string[],
    outputs: readonly NodeJS.WritableStream[],
    options: object,
  ): Promise<readonly [{ readonly StatusCode: number }, Container]>;
  createContainer(options: object): Promise<Container>;
  listContainers(options: object): Promise<readonly object[]>;
  createNetwork(options: object): Promise<Removable>;
  createVolume(options: object): Promise<{ readonly Name?: string; readonly name?: string }>;
  getVolume(name: string): Removable;
  getImage(name: string): Removable;
  getEvents(options: object): Promise<Streaming>;
}

interface Removable {
  remove(options?: object): Promise<unknown>;
}

type Streaming = NodeJS.ReadableStream & AsyncIterable<Buffer> & { destroy(): void };

export interface Container extends Removable {
  start(): Promise<unknown>;
  stop(options: object): Promise<unknown>;
  inspect(): Promise<{ readonly State: { readonly Running: boolean } }>;
  exec(options: object): Promise<{
    start(options: object): Promise<NodeJS.ReadWriteStream>;
    inspect(): Promise<{ readonly ExitCode: number }>;
  }>;
  logs(options: object): Promise<Buffer>;
  stats(options: object): Promise<{ readonly memory_stats: { readonly usage: number } }>;
  top(): Promise<{ readonly Processes: readonly object[] }>;
  putArchive(archive: NodeJS.ReadableStream, options: object): Promise<unknown>;
  getArchive(options: object): Promise<Streaming>;
}
