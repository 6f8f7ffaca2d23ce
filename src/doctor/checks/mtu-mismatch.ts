/** Two ends of one wire that don't agree on how much it carries: what is too large is dropped, and nobody is told. */
import { shell } from "../../lib/shell.ts";
import { inside } from "../facts/namespace.ts";
import { attachmentsOf } from "../facts/networks.ts";
import type { Check } from "../types.ts";

const NAME = "mtu-mismatch";

export const mtuMismatch: Check = {
  name: NAME,
  title: "a container's link sends no larger packets than its pair's other end takes",
  reports: [{ title: "Change swarm mode ingress network", url: "https://github.com/moby/moby/issues/24220" }],
  looksAt: "containers",
  look: (patient) =>
    attachmentsOf(patient).flatMap(({ resident, link, port }) => {
      if (!link || !port || link.mtu <= port.mtu) return [];
      const least = port.mtu;
      return [
        {
          check: NAME,
          severity: "broken",
          title: `${resident.of.name} loses packets of more than ${least} bytes: its ${link.name} sends ${link.mtu}, ${port.name} takes ${least}`,
          evidence: [
            `${resident.of.name}: ${link.name} mtu ${link.mtu}`,
            `host: ${port.name} mtu ${port.mtu}`,
          ],
          cause:
            "A link drops frames larger than its own MTU as they come in, without a word: there is no router here that could say that they don't fit.",
          fixes: [
            {
              command: inside(resident.namespace, shell`ip link set ${link.name} mtu ${least}`),
              does: "has the container send what its wire takes, until it is started anew",
              safe: true,
            },
          ],
          about: {
            namespace: resident.namespace.id,
            link: { namespace: resident.namespace.id, ifindex: link.ifindex },
            container: resident.of.name,
          },
        },
      ];
    }),
};
