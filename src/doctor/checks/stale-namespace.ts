/** A namespace that an engine pinned, and nobody lives in. */
import { basename } from "node:path";
import { shell } from "../../lib/shell.ts";
import { hidesProcesses } from "../../observe/lookup.ts";
import type { Namespace } from "../../observe/types.ts";
import { listed } from "../facts/text.ts";
import type { Check } from "../types.ts";

const NAME = "stale-namespace";

/** Where engines pin sandboxes, and what they call them: what ip-netns(8) makes is its owner's. */
const PINS: readonly RegExp[] = [
  /\/docker\/netns\/[0-9a-f]{12}$/,
  /\/drawbridge\/netns\/[0-9a-f]{12}$/,
  /\/netns\/netns-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
];

export const staleNamespace: Check = {
  name: NAME,
  title: "each namespace that an engine pinned has a container",
  reports: [
    { title: "leaking veths and sandboxes in 1.11.1", url: "https://github.com/moby/moby/issues/22397" },
  ],
  looksAt: "host",
  look: ({ topology, container }) => {
    // Without an engine that answers, nobody says whose it is.
    if (container || topology.engines.length === 0 || hidesProcesses(topology)) return [];
    const sandboxes = new Set(
      topology.engines.flatMap(({ containers }) =>
        containers.flatMap(({ sandboxKey }) => (sandboxKey === undefined ? [] : [basename(sandboxKey)])),
      ),
    );
    const pinOf = ({ pins }: Namespace) => pins.find((pin) => PINS.some((pattern) => pattern.test(pin)));
    const stale = [...topology.namespaces.values()].filter(
      (one) =>
        !one.host &&
        one.pids.length === 0 &&
        one.container === undefined &&
        pinOf(one) !== undefined &&
        !one.pins.some((pin) => sandboxes.has(basename(pin))),
    );
    if (stale.length === 0) return [];
    const pins = stale.flatMap((one) => pinOf(one) ?? []);
    return [
      {
        check: NAME,
        severity: "note",
        title: `${stale.length === 1 ? "a namespace is" : `${stale.length} namespaces are`} left behind by an engine: ${listed(pins)}`,
        evidence: stale
          .slice(0, 8)
          .map((one) => `${pinOf(one)}: no process, links ${one.links.map(({ name }) => name).join(", ")}`),
        cause:
          "The engine ended between a container's end and its clean-up. It costs memory and hurts nobody.",
        fixes: [
          {
            command: pins.map((pin) => shell`umount ${pin} && rm ${pin}`).join("; "),
            does: "lets go of them",
            safe: false,
          },
        ],
        about: { namespace: topology.host },
      },
    ];
  },
};
