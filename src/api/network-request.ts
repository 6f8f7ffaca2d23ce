/** The bodies of requests about networks: their schemas, and what of them the engine is asked. */
import { invalid } from "../lib/errors.ts";
import type { NetworkRequest, PoolRequest } from "../network/types.ts";
import { type EndpointBody, endpointSchema } from "./endpoint-settings.ts";
import { boolean, list, map, object, type Schema, text, withoutNulls } from "./schema.ts";
import type { Minor } from "./version.ts";

const texts = map({ type: "string" });

/** Engine API, "Create a network". */
export const networkSchema: Schema = object({
  Name: text,
  CheckDuplicate: boolean, // names are never given twice
  Driver: text,
  Scope: text,
  Internal: boolean,
  Attachable: boolean,
  Ingress: boolean,
  ConfigOnly: boolean,
  ConfigFrom: object({ Network: text }),
  EnableIPv4: boolean,
  EnableIPv6: boolean,
  IPAM: object({
    Driver: text,
    Options: texts,
    Config: list(object({ Subnet: text, IPRange: text, Gateway: text, AuxiliaryAddresses: texts })),
  }),
  Options: texts,
  Labels: texts,
});

type Texts = Readonly<Record<string, string>>;

interface PoolBody {
  readonly Subnet?: string | null;
  readonly IPRange?: string | null;
  readonly Gateway?: string | null;
  readonly AuxiliaryAddresses?: Texts | null;
}

/** As the schema lets it through. */
export interface NetworkBody {
  readonly Name?: string | null;
  readonly Driver?: string | null;
  readonly Scope?: string | null;
  readonly Internal?: boolean | null;
  readonly Attachable?: boolean | null;
  readonly Ingress?: boolean | null;
  readonly ConfigOnly?: boolean | null;
  readonly ConfigFrom?: { readonly Network?: string | null } | null;
  readonly EnableIPv4?: boolean | null;
  readonly EnableIPv6?: boolean | null;
  readonly IPAM?: {
    readonly Driver?: string | null;
    readonly Options?: Texts | null;
    readonly Config?: readonly (PoolBody | null)[] | null;
  } | null;
  readonly Options?: Texts | null;
  readonly Labels?: Texts | null;
}

function poolRequest(body: PoolBody | null): PoolRequest {
  const { Subnet, IPRange, Gateway, AuxiliaryAddresses } = withoutNulls(body);
  return {
    ...(Subnet && { subnet: Subnet }),
    ...(IPRange && { range: IPRange }),
    ...(Gateway && { gateway: Gateway }),
    ...(AuxiliaryAddresses && { auxiliary: AuxiliaryAddresses }),
  };
}

function ipamRequest(body: NonNullable<NetworkBody["IPAM"]>): NonNullable<NetworkRequest["ipam"]> {
  const { Driver, Options, Config } = withoutNulls(body);
  return {
    ...(Driver && { driver: Driver }),
    ...(Options && { options: Options }),
    ...(Config && { config: Config.map(poolRequest) }),
  };
}

/** What is missing is empty, for the engine to refuse: the name is. `EnableIPv4` is of 1.48. */
export function networkRequest(body: NetworkBody | null | undefined, minor: Minor): NetworkRequest {
  const { Name, Driver, Scope, ConfigFrom, EnableIPv4, EnableIPv6, IPAM, Options, Labels, ...flags } =
    withoutNulls(body);
  return {
    name: Name ?? "",
    ...(Driver && { driver: Driver }),
    ...(Scope && { scope: Scope }),
    ...(flags.Internal && { internal: true }),
    ...(flags.Attachable && { attachable: true }),
    ...(flags.Ingress && { ingress: true }),
    ...(flags.ConfigOnly && { configOnly: true }),
    ...(ConfigFrom && { configFrom: ConfigFrom.Network ?? "" }),
    ...(EnableIPv4 !== undefined && minor >= 48 && { ipv4: EnableIPv4 }),
    ...(EnableIPv6 !== undefined && { ipv6: EnableIPv6 }),
    ...(IPAM && { ipam: ipamRequest(IPAM) }),
    ...(Options && { options: Options }),
    ...(Labels && { labels: Labels }),
  };
}

/** Engine API, "Connect a container to a network". */
export const connectSchema: Schema = object({ Container: text, EndpointConfig: endpointSchema });

export interface ConnectBody {
  readonly Container?: string | null;
  readonly EndpointConfig?: EndpointBody;
}

/** Engine API, "Disconnect a container from a network". */
export const disconnectSchema: Schema = object({ Container: text, Force: boolean });

export interface DisconnectBody {
  readonly Container?: string | null;
  readonly Force?: boolean | null;
}

/** Whom a body names. @throws invalid in Docker's words where it names nobody */
export function namedContainer(body: { readonly Container?: string | null } | null | undefined): string {
  const reference = body?.Container ?? "";
  if (reference === "") throw invalid('invalid name or ID supplied: ""');
  return reference;
}
