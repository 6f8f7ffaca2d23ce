/** A project for Compose v1 (Debian's docker-compose), and its commands in a throwaway host. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../../src/lib/programs.ts";
import type { CommandOptions, CommandResult } from "./command.ts";
import type { ThrowawayHost } from "./host.ts";

/** Why a test of it is passed over; false where it is installed. */
export const withoutCompose: string | false =
  findProgram("docker-compose") === undefined && "docker-compose is not installed (scripts/bootstrap)";

/**
 * Two networks, one of them internal; a service behind an alias, one that waits until that one is healthy and is
 * scaled; a named volume; a published port. @param image has busybox in it
 */
const projectOf = (image: string): string => `
version: "2.4"
services:
  store:
    image: ${image}
    command: sh -c 'echo store is up; sleep 1; touch /data/ready; exec httpd -f -p 8080 -h /data'
    networks:
      back:
        aliases: [cupboard]
    volumes:
      - kept:/data
    healthcheck:
      test: test -e /data/ready
      interval: 200ms
      retries: 50
    stop_signal: SIGKILL
  web:
    image: ${image}
    command: sh -c 'echo web is up; exec httpd -f -p 80 -h /etc'
    depends_on:
      store:
        condition: service_healthy
    networks: [front, back]
    stop_signal: SIGKILL
  door:
    image: ${image}
    command: httpd -f -p 80 -h /etc
    networks: [front]
    ports:
      - "127.0.0.1:18080:80"
    labels:
      season: "\${SEASON:-summer}"
    stop_signal: SIGKILL
networks:
  front:
  back:
    internal: true
volumes:
  kept:
`;

export class ComposeProject {
  readonly #host: ThrowawayHost;
  readonly #file: string;

  constructor(host: ThrowawayHost, image = "busybox") {
    const directory = join(host.directory, "shop");
    mkdirSync(directory);
    this.#host = host;
    this.#file = join(directory, "docker-compose.yml");
    writeFileSync(this.#file, projectOf(image));
  }

  /** `docker-compose ARGUMENTS`. @throws Error with its output, unless told not to check */
  run(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return this.#host.run("docker-compose", ["-f", this.#file, "--no-ansi", ...args], {
      timeout: 120_000,
      ...options,
    });
  }

  /** Ids of a service's containers. */
  async ids(service: string): Promise<readonly string[]> {
    const { stdout } = await this.run(["ps", "-q", service]);
    return stdout.split("\n").filter((line) => /^[0-9a-f]{64}$/.test(line));
  }
}
