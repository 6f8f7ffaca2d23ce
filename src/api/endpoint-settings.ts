/** One network's settings in a request (Engine API, EndpointSettings): their schema, and what of them a user sets. */
import type { EndpointSettings } from "../container/types.ts";
import { integer, list, map, object, type Schema, text, withoutNulls } from "./schema.ts";
import type { Minor } from "./version.ts";

/** What the engine itself sets (addresses, ids) clients send back as they got it: it is read over. */
export const endpointSchema: Schema = object({
  IPAMConfig: object({ IPv4Address: text, IPv6Address: text, LinkLocalIPs: list({ type: "string" }) }),
  Aliases: list({ type: "string" }),
  Links: list({ type: "string" }),
  MacAddress: text,
  DriverOpts: map({ type: "string" }),
  GwPriority: integer,
});

/** As the schema lets it through. */
export type EndpointBody =
  | (Partial<Record<keyof EndpointSettings, unknown>> & Pick<EndpointSettings, "IPAMConfig">)
  | null
  | undefined;

/** Addresses that are empty are none, as Go's clients have it. */
function ipamConfig(given: EndpointSettings["IPAMConfig"]): EndpointSettings["IPAMConfig"] {
  if (!given) return null;
  const { IPv4Address, IPv6Address, LinkLocalIPs } = given;
  return {
    ...(IPv4Address && { IPv4Address }),
    ...(IPv6Address && { IPv6Address }),
    ...(LinkLocalIPs?.length && { LinkLocalIPs }),
  };
}

/** Without what was left out, or that the API's version has no meaning for. */
export function endpointSettings(body: EndpointBody, minor: Minor): EndpointSettings {
  const given = withoutNulls(body as EndpointSettings | null | undefined);
  const { Aliases, Links, MacAddress, DriverOpts, GwPriority } = given;
  const ipam = ipamConfig(given.IPAMConfig);
  return {
    ...(ipam && { IPAMConfig: ipam }),
    ...(Aliases && { Aliases }),
    ...(Links && { Links }),
    ...(MacAddress && { MacAddress }),
    ...(DriverOpts && { DriverOpts }),
    ...(GwPriority && minor >= 48 && { GwPriority }),
  };
}
