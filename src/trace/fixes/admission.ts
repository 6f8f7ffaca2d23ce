/** A published port has two rules: one that leads to its container, and one that lets in what was led. Pure. */
import { sameAddress } from "../../lib/ip.ts";
import { shell } from "../../lib/shell.ts";
import type { EngineContainer } from "../../observe/types.ts";
import { ownerOfRule } from "./owner.ts";
import type { Case, Explain, Fix } from "./types.ts";
import { fix, portText } from "./words.ts";

/** Led to the container by its published port, and dropped by the rules of its own engine all the same. */
export const notAdmitted: Explain = (one) => {
  const { to, from, flow, packet, reason, namespace, direction } = one;
  const { container } = to;
  if (!container || !packet || !reason.rule || direction === "back" || from.network) return undefined;
  const led = !sameAddress(packet.destination, flow.destination);
  if (!led || !publishes(container, one) || ownerOfRule(reason.rule, namespace) !== container.engine)
    return undefined;
  return {
    at: `${container.engine}'s rules`,
    why: `port ${portText(one)} is led to ${to.label}, and the rule that lets it in there is missing`,
    fixes: [anew(container)],
  };
};

const publishes = ({ ports }: EngineContainer, { flow }: Case): boolean =>
  ports.some(({ protocol, host }) => host?.port === flow.port && protocol === flow.protocol);

const anew = ({ engine, name }: EngineContainer): Fix =>
  engine === "podman"
    ? fix(shell`podman network reload ${name}`, "has podman set the container's rules again")
    : engine === "docker"
      ? fix(shell`docker restart ${name}`, "has dockerd set the container's rules again")
      : fix("systemctl restart drawbridge", "has the engine put its tables back; containers go on running");
