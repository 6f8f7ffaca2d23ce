/** The thread that answers all sandboxes. It never runs Node's loop: it waits for sockets, and for word of its client. */
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { drainEventFd } from "../../linux/eventfd.ts";
import { errorToWire } from "../../linux/wire.ts";
import type { Answered, Asked, DnsThreadData } from "./protocol.ts";
import { DnsServer } from "./server.ts";

if (!parentPort) throw new Error("the DNS runs as a worker thread only");
const port = parentPort;
const { wake, stop, descriptors } = workerData as DnsThreadData;

const server = new DnsServer(descriptors);

function answer({ id, change }: Asked): Answered {
  try {
    server.apply(change);
    return { id };
  } catch (thrown) {
    return { id, error: errorToWire(thrown) };
  }
}

function listen(): void {
  drainEventFd(wake);
  for (;;) {
    const received: { message: Asked } | undefined = receiveMessageOnPort(port);
    if (!received) return;
    port.postMessage(answer(received.message));
  }
}

server.run(wake, listen, () => Atomics.load(stop, 0) !== 0);
server.close();
