import type { Protocol } from "./types.ts";

/** Numbers of IP protocols (netinet/in.h, IPPROTO_*). */
export const PROTOCOL_NUMBERS: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 };
