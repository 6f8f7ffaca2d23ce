/** Two with one MAC on one bridge: it keeps one port for it, that of who spoke last. */
import { shell } from "../../lib/shell.ts";
import { called, inside } from "../facts/namespace.ts";
import { sharedMacs } from "../facts/ownership.ts";
import { listed } from "../facts/text.ts";
import type { Check } from "../types.ts";

const NAME = "duplicate-mac";

export const duplicateMac: Check = {
  name: NAME,
  title: "each MAC of a segment is one link's alone",
  reports: [
    { title: "Containers have duplicate Mac addresses", url: "https://github.com/moby/moby/issues/48595" },
    {
      title: "Networking between containers in custom network breaks after time",
      url: "https://github.com/moby/moby/issues/47211",
    },
    {
      title: "Docker assigning already taken MAC Address",
      url: "https://github.com/docker/for-linux/issues/589",
    },
  ],
  looksAt: "both",
  look: ({ topology, container }) =>
    sharedMacs(topology)
      .filter(
        ({ members }) =>
          container === undefined || members.some(({ namespace }) => namespace.id === container.namespace.id),
      )
      .map(({ segment, what, members }) => {
        const last = members.at(-1);
        return {
          check: NAME,
          severity: "broken",
          title: `${listed(members.map(({ namespace, link }) => `${called(namespace)} (${link.name})`))} have the same MAC ${what} on ${segment.bridge.name}`,
          evidence: members
            .slice(0, 8)
            .map(({ namespace, link }) => `${namespace.name}: ${link.name} link/ether ${what}`),
          cause:
            "A bridge learns the place of a MAC from whoever sends from it. With two senders it changes with each frame, and what is for one arrives at the other: timeouts that come and go. A tool has made a container again with the other's MAC, or --mac-address was given twice.",
          fixes: last
            ? [
                {
                  command: inside(
                    last.namespace,
                    shell`ip link set ${last.link.name} address ${what.replace(/^../, "0a")}`,
                  ),
                  does: `gives ${called(last.namespace)} another until it is started anew; make it again without a MAC of its own`,
                  safe: false,
                },
              ]
            : [],
          about: { namespace: segment.namespace.id },
        };
      }),
};
