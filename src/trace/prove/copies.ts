/** What a bridge floods goes out by all of its ports: of those, the ones that lead on. */
import type { Namespace, ObservedLink } from "../../observe/types.ts";
import type { Observations } from "./order.ts";

type SeenFrame = Observations["frames"][number];

/**
 * Without the copies that went out by ports to namespaces that are not watched, where the same went out by others. Where
 * none leads to one that is watched, all are kept.
 */
export function withoutCopies(
  frames: readonly SeenFrame[],
  watched: readonly { readonly namespace: Namespace }[],
): SeenFrame[] {
  const ids = new Set(watched.map(({ namespace }) => namespace.id));
  const leadsOn = ({ other }: ObservedLink) => other?.namespace === undefined || ids.has(other.namespace);
  const portOf = ({ namespace, ifindex, way }: SeenFrame) => {
    const link = way === "out" ? namespace.links.find((one) => one.ifindex === ifindex) : undefined;
    return link?.master === undefined ? undefined : link;
  };
  const keyOf = (frame: SeenFrame, { master }: ObservedLink) =>
    `${frame.namespace.id} ${master} ${frame.meaning}`;
  const led = new Set(
    frames.flatMap((frame) => {
      const port = portOf(frame);
      return port && leadsOn(port) ? [keyOf(frame, port)] : [];
    }),
  );
  return frames.filter((frame) => {
    const port = portOf(frame);
    return !port || leadsOn(port) || !led.has(keyOf(frame, port));
  });
}
