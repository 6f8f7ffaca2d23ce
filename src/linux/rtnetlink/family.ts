/** Address families of the kernel, socket.h. */
import { type Address, addressFromBytes, type Family } from "../../lib/ip.ts";
import { AF_INET, AF_INET6 } from "../socket-constants.ts";

export const afOf = (family: Family): number => (family === 4 ? AF_INET : AF_INET6);

export const familyOf = (af: number | undefined): Family | undefined =>
  af === AF_INET ? 4 : af === AF_INET6 ? 6 : undefined;

/** The address in an attribute, or undefined where it is not one of that family. */
export function readAddress(family: Family, bytes: Uint8Array | undefined): Address | undefined {
  return bytes?.length === (family === 4 ? 4 : 16) ? addressFromBytes(bytes) : undefined;
}
