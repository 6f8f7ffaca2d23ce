/** The body of "Create a container": its schema, and what of it the engine is asked. */
import type { ContainerConfig, CreateRequest, EndpointSettings, HostConfig } from "../container/types.ts";
import { invalid } from "../lib/errors.ts";
import { type EndpointBody, endpointSchema, endpointSettings } from "./endpoint-settings.ts";
import {
  anything,
  boolean,
  command,
  integer,
  list,
  map,
  object,
  oneOf,
  type Schema,
  text,
  withoutNulls,
} from "./schema.ts";
import type { Minor } from "./version.ts";

const DURATION = integer; // nanoseconds

/** Docker's PortMap. */
export const portMapSchema = map(list(object({ HostIp: text, HostPort: text })));

const hostConfigSchema = object({
  NetworkMode: text,
  AutoRemove: boolean,
  Privileged: boolean,
  ReadonlyRootfs: boolean,
  Init: boolean,
  CapAdd: command,
  CapDrop: command,
  SecurityOpt: list({ type: "string" }),
  GroupAdd: list({ type: "string" }),
  Binds: list({ type: "string" }),
  Tmpfs: map({ type: "string" }),
  Dns: list({ type: "string" }),
  DnsSearch: list({ type: "string" }),
  DnsOptions: list({ type: "string" }),
  ExtraHosts: list({ type: "string" }),
  Sysctls: map({ type: "string" }),
  PidMode: text,
  IpcMode: text,
  UTSMode: text,
  UsernsMode: text,
  CgroupParent: text,
  ShmSize: { ...integer, minimum: 0 },
  OomScoreAdj: { ...integer, minimum: -1000, maximum: 1000 },
  Memory: integer,
  MemoryReservation: integer,
  MemorySwap: integer,
  NanoCpus: integer,
  CpuShares: integer,
  CpuPeriod: integer,
  CpuQuota: integer,
  CpusetCpus: text,
  CpusetMems: text,
  PidsLimit: integer,
  Ulimits: list({
    type: "object",
    properties: { Name: { type: "string" }, Soft: integer, Hard: integer },
    required: ["Name"],
  }),
  RestartPolicy: object({
    Name: oneOf("", "no", "always", "unless-stopped", "on-failure", null),
    MaximumRetryCount: integer,
  }),
  LogConfig: object({ Type: text, Config: map({ type: "string" }) }),
  ConsoleSize: { type: ["array", "null"], items: { type: "integer", minimum: 0 }, minItems: 2, maxItems: 2 },
  MaskedPaths: list({ type: "string" }),
  ReadonlyPaths: list({ type: "string" }),
  Runtime: text,
  PortBindings: portMapSchema,
  PublishAllPorts: boolean,
  Links: list({ type: "string" }),
});

export const createSchema: Schema = object({
  Hostname: text,
  Domainname: text,
  User: text,
  AttachStdin: boolean,
  AttachStdout: boolean,
  AttachStderr: boolean,
  Tty: boolean,
  OpenStdin: boolean,
  StdinOnce: boolean,
  Env: list({ type: "string" }),
  Cmd: command,
  Entrypoint: command,
  Shell: command,
  Image: text,
  Labels: map({ type: "string" }),
  Volumes: map(anything),
  WorkingDir: text,
  NetworkDisabled: boolean,
  MacAddress: text,
  OnBuild: list({ type: "string" }),
  StopSignal: text,
  StopTimeout: integer,
  ExposedPorts: map({ type: ["object", "null"] }),
  Healthcheck: object({
    Test: list({ type: "string" }),
    Interval: DURATION,
    Timeout: DURATION,
    StartPeriod: DURATION,
    StartInterval: DURATION,
    Retries: integer,
  }),
  HostConfig: hostConfigSchema,
  NetworkingConfig: object({ EndpointsConfig: map(endpointSchema) }),
});

/** As the schema lets it through, as far as it is looked into here. */
export interface CreateBody extends Readonly<Record<string, unknown>> {
  readonly Image?: string | null;
  readonly MacAddress?: string | null;
  readonly Cmd?: string | readonly string[] | null;
  readonly Entrypoint?: string | readonly string[] | null;
  readonly HostConfig?: (Partial<HostConfig> & Readonly<Record<string, unknown>>) | null;
  readonly NetworkingConfig?: {
    readonly EndpointsConfig?: Readonly<Record<string, EndpointBody>> | null;
  } | null;
}

const asList = (given: string | readonly string[]): readonly string[] =>
  typeof given === "string" ? [given] : given;

/**
 * What the body asks of the engine. Members of HostConfig that the engine doesn't know go along as they
 * are, for it to carry out or refuse.
 * @throws invalid
 */
export function createRequest(
  body: CreateBody | null | undefined,
  query: { readonly name?: string; readonly platform?: string },
  minor: Minor,
): CreateRequest {
  if (!body) throw invalid("config cannot be empty in order to create a container");
  const { HostConfig, NetworkingConfig, MacAddress: mac, Image, Cmd, Entrypoint, ...rest } = body;
  if (!Image) throw invalid("no image specified: give Image in order to create a container");
  const config: Partial<ContainerConfig> & { Image: string } = {
    ...withoutNulls(rest),
    Image,
    ...(Cmd && { Cmd: asList(Cmd) }),
    ...(Entrypoint && { Entrypoint: asList(Entrypoint) }),
  };
  const { ConsoleSize, ...host } = withoutNulls(HostConfig);
  const hostConfig = {
    ...host,
    NetworkMode: networkMode(host.NetworkMode),
    ...(ConsoleSize && minor >= 42 && { ConsoleSize }), // without effect before
  };
  const endpoints = endpointsOf(
    NetworkingConfig?.EndpointsConfig ?? {},
    hostConfig.NetworkMode,
    mac ?? undefined,
    minor,
  );
  return {
    ...(query.name && { name: query.name.replace(/^\//, "") }),
    config,
    hostConfig,
    endpoints,
    ...(query.platform && { platform: query.platform }),
  };
}

/** `default` stands for the default network without its name. */
const networkMode = (given: string | null | undefined): string =>
  !given || given === "default" ? "bridge" : given;

/** @throws invalid in Docker's words */
function endpointsOf(
  given: Readonly<Record<string, EndpointBody>>,
  mode: string,
  mac: string | undefined,
  minor: Minor,
): Record<string, EndpointSettings> {
  const names = Object.keys(given);
  if (minor < 44 && names.length > 1) {
    throw invalid(`Container cannot be created with multiple network endpoints: ${names.join(", ")}`);
  }
  const endpoints = Object.fromEntries(
    Object.entries(given).map(([name, body]): [string, EndpointSettings] => {
      const { MacAddress, ...settings } = endpointSettings(body, minor);
      // Before 1.44 a network's settings had no such field, and clients sent back what they had been shown.
      return [
        name === "default" ? mode : name,
        minor < 44 || !MacAddress ? settings : { ...settings, MacAddress },
      ];
    }),
  );
  return mac ? withMac(endpoints, mode, mac, minor) : endpoints;
}

/** A container's own MAC address means its main network: before 1.44, whichever it is made with. */
function withMac(
  endpoints: Record<string, EndpointSettings>,
  mode: string,
  mac: string,
  minor: Minor,
): Record<string, EndpointSettings> {
  const [first] = Object.keys(endpoints);
  const main = minor < 44 ? (first ?? mode) : mode;
  if (first !== undefined && !endpoints[main]) {
    throw invalid(
      "unable to migrate container-wide MAC address to a specific network: HostConfig.NetworkMode must match the identity of a network in NetworkSettings.Networks",
    );
  }
  const own = endpoints[main]?.MacAddress;
  if (own && own !== mac) {
    throw invalid(
      "the container-wide MAC address must match the endpoint-specific MAC address for the main network, or should be left empty",
    );
  }
  return { ...endpoints, [main]: { ...endpoints[main], MacAddress: mac } };
}

/** What the client should know of how it asked. */
export const requestWarnings = (body: CreateBody | null | undefined, minor: Minor): readonly string[] =>
  body?.MacAddress && minor >= 44
    ? [
        "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.",
      ]
    : [];
