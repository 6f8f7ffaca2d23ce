/** Questions of DNS sent from a namespace: what the resolver there says of a name. */
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { type DnsAnswer, decodeAnswer, encodeQuestion } from "../../lib/dns-question.ts";
import { messageOf } from "../../lib/errors.ts";
import { type Address, FAMILIES, type Family, formatAddress } from "../../lib/ip.ts";
import { DNS_PORT } from "../../lib/protocols.ts";
import { connectDatagram, sendDatagram } from "../../linux/datagram.ts";
import { inNamespace } from "../../linux/netns.ts";
import type { NetnsPath } from "../../linux/plan.ts";

/** What one server says of one name: all of its addresses of the families asked for. */
export type Told =
  | { readonly answered: true; readonly code: number; readonly addresses: readonly Address[] }
  | { readonly answered: false; readonly why: string };

/**
 * Ask one server, once. Never throws: that a server can't be asked is an answer as well.
 * @param path of the namespace to ask from; undefined for the own one
 * @param patience milliseconds
 */
export function askServer(
  path: string | undefined,
  server: Address,
  name: string,
  family: Family | undefined,
  patience: number,
): Promise<Told> {
  const families = family === undefined ? FAMILIES : [family];
  const silent = `${formatAddress(server)} did not answer within ${patience} ms`;
  let fd: number;
  try {
    fd = inNamespace(path as NetnsPath | undefined, () =>
      connectDatagram({ address: server, port: DNS_PORT }),
    );
  } catch (thrown) {
    return Promise.resolve({ answered: false, why: messageOf(thrown) });
  }
  const socket = createSocket(server.family === 4 ? "udp4" : "udp6");
  return new Promise<Told>((resolve) => {
    const answers = new Map<number, DnsAnswer>();
    const ids = new Set<number>();
    const failed = (error: Error) =>
      resolve({ answered: false, why: `${formatAddress(server)}: ${error.message}` });
    const timer = setTimeout(() => {
      // Of two questions one may be answered alone: a resolver that knows nothing of IPv6.
      resolve(answers.size > 0 ? toldBy(answers) : { answered: false, why: silent });
    }, patience);
    socket.on("error", failed);
    socket.on("message", (message) => {
      const answer = decodeAnswer(message);
      if (!answer || !ids.has(answer.id)) return;
      answers.set(answer.id, answer);
      if (answers.size === ids.size) resolve(toldBy(answers));
    });
    socket.once("close", () => clearTimeout(timer));
    socket.bind({ fd }, () => {
      try {
        for (const one of families) {
          const id = unusedId(ids);
          ids.add(id);
          sendDatagram(fd, encodeQuestion(id, name, one));
        }
      } catch (thrown) {
        failed(thrown instanceof Error ? thrown : new Error(String(thrown)));
      }
    });
  }).finally(() => socket.close());
}

const unusedId = (ids: ReadonlySet<number>): number => {
  for (;;) {
    const id = randomInt(0x10000);
    if (!ids.has(id)) return id;
  }
};

/** IPv4 first. A name that has addresses of one family alone is there. */
function toldBy(answers: ReadonlyMap<number, DnsAnswer>): Told {
  const all = [...answers.values()];
  const addresses = all.flatMap((answer) => answer.addresses).toSorted((a, b) => a.family - b.family);
  const code = addresses.length > 0 ? 0 : Math.max(...all.map((answer) => answer.code));
  return { answered: true, code, addresses };
}
