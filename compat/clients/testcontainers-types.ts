/** What of testcontainers is used: it is no dependency, so its own types aren't here. */

export interface Testcontainers {
  readonly GenericContainer: new (image: string) => Generic;
  readonly Network: new () => { start(): Promise<StartedNetwork> };
  readonly Wait: {
    forListeningPorts(): object;
    forLogMessage(message: string): object;
    forHealthCheck(): object;
  };
}

interface StartedNetwork {
  stop(): Promise<unknown>;
}

interface Generic {
  withCommand(command: readonly string[]): Generic;
  withExposedPorts(...ports: readonly number[]): Generic;
  withNetwork(network: StartedNetwork): Generic;
  withNetworkAliases(...aliases: readonly string[]): Generic;
  withEnvironment(environment: object): Generic;
  withCopyContentToContainer(contents: readonly object[]): Generic;
  withHealthCheck(check: object): Generic;
  withWaitStrategy(strategy: object): Generic;
  start(): Promise<Started>;
}

interface Started {
  getHost(): string;
  getMappedPort(port: number): number;
  exec(command: readonly string[]): Promise<{ readonly output: string; readonly exitCode: number }>;
  restart(): Promise<void>;
  stop(): Promise<unknown>;
}
