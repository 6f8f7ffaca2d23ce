/** A link to be listened to, made by hand. */
import type { Captured, Tapped } from "../../src/capture/types.ts";
import type { NamespaceId } from "../../src/observe/types.ts";

const namespace = 4026531840 as NamespaceId;

export const tappedAs = (told: Partial<Tapped> = {}): Tapped => ({
  link: { namespace, ifindex: 2 },
  name: "eth0",
  namespace,
  place: "web",
  path: "/proc/self/ns/net",
  hardware: 1,
  addresses: [],
  comment: "web: eth0",
  ...told,
});

export const capturedAs = (tapped: Tapped, bytes: Uint8Array, told: Partial<Captured> = {}): Captured => ({
  tapped,
  at: 1_700_000_000_123_456_789n,
  way: "in",
  type: "host",
  bytes,
  length: bytes.length,
  checksumPending: false,
  ...told,
});
