/** Connections that reach a held port because the kernel could not translate them, passed on by hand. */
import { KernelError } from "../../linux/ffi.ts";
import { acceptConnection, peerOf, refuseConnection } from "../../linux/inet-socket.ts";
import { Conversation } from "./conversation.ts";
import { type Destination, type Relay, type RelayOptions, sameDestination } from "./relay.ts";

/** Of one port; more are refused until others have ended. */
const MOST_OF_ONE = 1024;
/** Of all ports together: each takes two descriptors, and ports need theirs. */
export const MOST_CONNECTIONS = 2048;
/** Accepted before others have their turn. */
const PER_TURN = 32;

export class TcpRelay implements Relay {
  readonly #fd: number;
  readonly #options: RelayOptions;
  readonly #conversations = new Set<Conversation>();

  constructor(fd: number, options: RelayOptions) {
    this.#fd = fd;
    this.#options = options;
  }

  serve(to: Destination | undefined): void {
    for (let turn = 0; turn < PER_TURN; turn += 1) {
      const client = acceptConnection(this.#fd);
      if (client === undefined) return;
      const peer = to && peerOf(client);
      if (!peer || !this.#options.admits(peer) || !this.#lead(client, to)) refuseConnection(client);
    }
  }

  redirect(to: Destination | undefined): void {
    for (const each of this.#conversations) if (!sameDestination(each.to, to)) each.cut();
  }

  close(): void {
    for (const each of this.#conversations) each.cut();
  }

  /** @returns whether it could be */
  #lead(client: number, to: Destination): boolean {
    const { slots, reactor } = this.#options;
    if (this.#conversations.size >= MOST_OF_ONE || !slots.take()) return false;
    try {
      const conversation = new Conversation(reactor, client, to, () => {
        this.#conversations.delete(conversation);
        slots.give();
      });
      this.#conversations.add(conversation);
      return true;
    } catch (thrown) {
      slots.give();
      // No way there, or no descriptor for it: the client is told, as by a host whose container is gone.
      if (thrown instanceof KernelError) return false;
      throw thrown;
    }
  }
}
