/** A real connection: TCP to a server's first words, UDP by a socket that hears its peer alone, as programs' mostly are. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { parseAddress } from "../../src/lib/ip.ts";
import { connectDatagram, sendDatagram } from "../../src/linux/datagram.ts";
import { inNamespace } from "../../src/linux/netns.ts";
import { ask, type Place, type Target } from "../../test/support/probe.ts";

/** @param wait milliseconds; who has not answered then is taken to be out of reach */
export async function isReached(from: Place, target: Target, wait: number): Promise<boolean> {
  if (target.protocol === "tcp") return (await ask(from, target, wait)) !== undefined;
  const peer = { address: parseAddress(target.address), port: target.port };
  const fd = inNamespace(from.netns, () => connectDatagram(peer));
  const socket = createSocket("udp4");
  try {
    await new Promise<void>((resolve) => socket.bind({ fd }, resolve));
    const answer = once(socket, "message").then(
      () => true,
      () => false, // refused
    );
    sendDatagram(fd, Buffer.from("?"));
    return await Promise.race([answer, sleep(wait, false, { ref: false })]);
  } finally {
    socket.close();
  }
}
