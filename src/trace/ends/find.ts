/** From the words of the command line to a flow: who sends, from where, to which address. */
import { invalid, notFound } from "../../lib/errors.ts";
import { type Address, type Family, formatAddress, tryParseAddress } from "../../lib/ip.ts";
import { DNS_PORT } from "../../lib/protocols.ts";
import { hostOf } from "../../observe/lookup.ts";
import type { Namespace, Topology } from "../../observe/types.ts";
import type { Flow } from "../types.ts";
import { findPlace, ownerOf, unknownPlace } from "./places.ts";
import { type ReceiverOptions, receiverOf, type Sender } from "./receiver.ts";
import { strangerOf, uplinkOf } from "./uplink.ts";
import { parseFrom, parseTo } from "./words.ts";

export { UnresolvedError } from "./receiver.ts";

export interface EndsOptions extends ReceiverOptions {
  readonly sourcePort?: number;
  /** Bytes of IP packet; it must not be fragmented then. */
  readonly size?: number;
}

/** Whoever takes datagrams there answers questions: one that needs nobody else to be asked, RFC 6761 section 6.3. */
const QUERY = "localhost";

/**
 * @param from a container, a namespace, `host`, `outside`, an address
 * @param to the same, or a name, with `:PORT[/PROTOCOL]`
 * @throws EngineError invalid for words of another form, not-found for who isn't here, conflict for who is not clear or
 * doesn't run; UnresolvedError
 */
export async function findEnds(
  topology: Topology,
  from: string,
  to: string,
  options: EndsOptions = {},
): Promise<Flow> {
  const asked = parseTo(to);
  const sender = senderOf(topology, parseFrom(from), options.family ?? familyOf(asked.name));
  const { end, address } = await receiverOf(topology, sender, asked, options);
  const source = sender.source ?? (sender.stranger ? strangerOf(address.family) : undefined);
  if (source && source.family !== address.family) {
    throw invalid(
      `no way from ${formatAddress(source)} to ${formatAddress(address)}: they are of two families`,
    );
  }
  return {
    from: sender.end,
    to: end,
    destination: address,
    protocol: asked.protocol,
    ...(source && { source }),
    ...(asked.port !== undefined && { port: asked.port }),
    ...(options.sourcePort !== undefined && { sourcePort: options.sourcePort }),
    ...(options.size !== undefined && { size: options.size, dontFragment: true }),
    ...(asked.protocol === "udp" && asked.port === DNS_PORT && { query: QUERY }),
    ...(sender.stranger && { enters: entranceOf(topology, address.family) }),
  };
}

const familyOf = (name: string): Family | undefined => tryParseAddress(name)?.family;

function senderOf(topology: Topology, word: string, family: Family | undefined): Sender {
  const here = (namespace: Namespace, label: string, source?: Address): Sender => ({
    end: { label, namespace: namespace.id },
    namespace,
    stranger: false,
    ...(source && { source }),
  });
  if (word === "host") return here(hostOf(topology), "host");
  const address = tryParseAddress(word);
  if (address) {
    const owner = ownerOf(topology, address);
    if (owner) return here(owner, `${owner.name} (${word})`, address);
    return { end: { label: word }, source: address, stranger: true };
  }
  const place = findPlace(topology, word);
  if (place) return here(place.namespace, place.label);
  if (word !== "outside") throw notFound(unknownPlace(topology, word));
  const beyond = uplinkOf(topology, family ?? 4)?.beyond;
  return beyond ? here(beyond, "outside") : { end: { label: "outside" }, stranger: true };
}

/** Where what a stranger sends comes in. @throws not-found */
function entranceOf(topology: Topology, family: Family): NonNullable<Flow["enters"]> {
  const uplink = uplinkOf(topology, family);
  if (!uplink) {
    throw notFound(
      `nothing comes in from outside: the host has no default route for IPv${family}, so there is no link to come in by`,
    );
  }
  return { ...uplink.link, ...(uplink.mac && { mac: uplink.mac }) };
}
