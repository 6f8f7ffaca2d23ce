import type { Builder, BuildMessage, BuildRequest } from "../../src/build/types.ts";

/** A builder that says what it is told to say, then answers or fails. */
export class FakeBuilder implements Builder {
  readonly requests: BuildRequest[] = [];
  messages: readonly BuildMessage[] = [];
  failure: Error | undefined;
  readonly image = `sha256:${"f".repeat(64)}`;

  async start() {}
  async stop() {}
  async build(request: BuildRequest, { onMessage }: Parameters<Builder["build"]>[1]): Promise<string> {
    this.requests.push(request);
    request.context?.resume();
    for (const message of this.messages) await onMessage(message);
    if (this.failure) throw this.failure;
    return this.image;
  }
  async prune() {
    return { deleted: ["a"], reclaimed: 7 };
  }
  async usage() {
    return { bytes: 7, createdAt: new Date("2026-01-02T03:04:05Z") };
  }
}
