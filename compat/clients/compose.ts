/** Compose v1 at its usual work: up, scaled, exec, down. */
import { messageOf } from "../../src/lib/errors.ts";
import { ComposeProject, withoutCompose } from "../../test/support/compose.ts";
import type { HostedEngine } from "../engines.ts";
import type { Outcome } from "./clients.ts";

const COMMANDS: readonly (readonly string[])[] = [
  ["config", "-q"],
  ["up", "-d", "--scale", "web=3"],
  ["ps"],
  ["logs"],
  ["exec", "-T", "web", "nslookup", "cupboard"],
  ["restart", "store"],
  ["pause"],
  ["unpause"],
  ["top"],
  ["down", "-v"],
];

export async function compose({ host, socket }: HostedEngine): Promise<Outcome> {
  if (withoutCompose) return { kind: "absent", why: withoutCompose };
  const project = new ComposeProject(host, "compat");
  try {
    for (const command of COMMANDS) {
      await project.run(command, { env: { DOCKER_HOST: `unix://${socket}` } });
    }
    return { kind: "works" };
  } catch (thrown) {
    return { kind: "fails", why: messageOf(thrown) };
  }
}
