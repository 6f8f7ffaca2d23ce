/** A host that forwards IPv6 stops listening to routers: its own default route runs out. */
import { linkSysctl, shell } from "../../lib/shell.ts";
import { sysctlNumber } from "../../observe/lookup.ts";
import { linkAt } from "../../observe/place.ts";
import { shownSysctl } from "../facts/namespace.ts";
import type { Check } from "../types.ts";

const NAME = "accept-ra";
/** RTPROT_RA, linux/rtnetlink.h: set by the kernel, of an advertisement. */
const FROM_ADVERTISEMENT = 9;

export const acceptRa: Check = {
  name: NAME,
  title: "a host that forwards IPv6 still takes the router advertisements that its own routes come from",
  reports: [
    {
      title: "Docker sets forward=1 but not accept_ra=2 when enabling IPv6",
      url: "https://github.com/docker/for-linux/issues/1373",
    },
    {
      title: "Enabling IPv6 Immediately breaks some host's IPv6 networking (accept_ra=1)",
      url: "https://github.com/moby/moby/issues/43466",
    },
    { title: "Docker CE deletes IPv6 Default route", url: "https://github.com/docker/for-linux/issues/844" },
  ],
  looksAt: "host",
  look: ({ host }) => {
    if (sysctlNumber(host, "net.ipv6.conf.all.forwarding") !== 1) return [];
    const learnt = new Set(
      host.routes
        .filter(({ family, protocol }) => family === 6 && protocol === FROM_ADVERTISEMENT)
        .flatMap(({ hops }) => hops.map(({ ifindex }) => linkAt(host, ifindex))),
    );
    return [...learnt].flatMap((link) => {
      if (link?.settings?.acceptRa !== 1 || !link.settings.forwarding6) return [];
      return [
        {
          check: NAME,
          severity: "risk",
          title: `this machine will lose its IPv6 routes by ${link.name}: it forwards, and takes no router advertisements any more`,
          evidence: [
            shownSysctl(host, "net.ipv6.conf.all.forwarding"),
            `net.ipv6.conf.${link.name}.accept_ra = 1`,
            `routes by ${link.name} with proto ra`,
          ],
          cause:
            "At accept_ra=1 a host listens to routers only while it is none itself. The routes that it learnt before stay until they run out, half an hour or so, and are not renewed.",
          fixes: [
            {
              command: shell`sysctl -w ${linkSysctl("net.ipv6.conf", link.name, "accept_ra")}=2`,
              does: "listens to routers although it forwards; a file in /etc/sysctl.d keeps it",
              safe: true,
            },
          ],
          about: { namespace: host.id, link: { namespace: host.id, ifindex: link.ifindex } },
        },
      ];
    });
  },
};
