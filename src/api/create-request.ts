/** The body of "Create a container": its schema, and what of it the engine is asked. */
import type { ContainerConfig, CreateRequest, HostConfig } from "../container/types.ts";
import { invalid } from "../lib/errors.ts";
import { type EndpointBody, endpointSchema } from "./endpoint-settings.ts";
import { endpointsOf, withMac, withSysctls } from "./endpoints.ts";
import { moveInterfaceSysctls } from "./interface-sysctls.ts";
import { mountRequests, mountsSchema, volumeDriverWarning } from "./mount-requests.ts";
import { type PortMapBody, portMapOf, portMapSchema } from "./port-map.ts";
import { asOfVersion, resourceSchemas, wholeResources } from "./resource-schemas.ts";
import {
  anything,
  boolean,
  command,
  integer,
  list,
  map,
  object,
  type Schema,
  text,
  withoutNulls,
} from "./schema.ts";
import type { Minor } from "./version.ts";

const DURATION = integer; // nanoseconds

const hostConfigSchema = object({
  ...resourceSchemas,
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
  Mounts: mountsSchema,
  VolumesFrom: list({ type: "string" }),
  VolumeDriver: text,
  Tmpfs: map({ type: "string" }),
  Dns: list({ type: "string" }),
  DnsSearch: list({ type: "string" }),
  DnsOptions: list({ type: "string" }),
  ExtraHosts: list({ type: "string" }),
  Sysctls: map({ type: "string" }),
  PidMode: text,
  IpcMode: text,
  UTSMode: text,
  CgroupParent: text,
  ShmSize: integer,
  OomScoreAdj: integer,
  Ulimits: list({
    type: "object",
    properties: { Name: { type: "string" }, Soft: integer, Hard: integer },
    required: ["Name"],
  }),
  RestartPolicy: object({
    Name: text,
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
  ArgsEscaped: boolean,
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

type HealthcheckBody = NonNullable<ContainerConfig["Healthcheck"]>;

/** As the schema lets it through, as far as it is looked into here. */
export interface CreateBody extends Readonly<Record<string, unknown>> {
  readonly Image?: string | null;
  readonly MacAddress?: string | null;
  readonly Cmd?: string | readonly string[] | null;
  readonly Entrypoint?: string | readonly string[] | null;
  readonly Healthcheck?: HealthcheckBody | null;
  readonly HostConfig?:
    | (Partial<Omit<HostConfig, "PortBindings">> & {
        readonly PortBindings?: PortMapBody | null;
      } & Readonly<Record<string, unknown>>)
    | null;
  readonly NetworkingConfig?: {
    readonly EndpointsConfig?: Readonly<Record<string, EndpointBody>> | null;
  } | null;
}

const asList = (given: string | readonly string[]): readonly string[] =>
  typeof given === "string" ? [given] : given;

/**
 * What the body asks of the engine, and what the client should know of how it asked. Members of HostConfig that the engine doesn't know go along as they
 * are, for it to carry out or refuse.
 * @throws invalid
 */
export function createRequest(
  body: CreateBody | null | undefined,
  query: { readonly name?: string; readonly platform?: string },
  minor: Minor,
): { readonly request: CreateRequest; readonly warnings: readonly string[] } {
  const { HostConfig, NetworkingConfig, ...own } = body ?? {};
  if (Object.keys(own).length === 0) throw invalid("config cannot be empty in order to create a container");
  const { MacAddress: mac, Image, Cmd, Entrypoint, Healthcheck, ...rest } = own;
  if (!Image) {
    const nothingToRun = !Cmd?.length && !Entrypoint?.length;
    throw invalid(
      nothingToRun ? "no command specified" : "no image specified: give Image in order to create a container",
    );
  }
  const config: Partial<ContainerConfig> & { Image: string } = {
    ...withoutNulls(rest),
    Image,
    ...(Cmd && { Cmd: asList(Cmd) }),
    ...(Entrypoint && { Entrypoint: asList(Entrypoint) }),
    ...(Healthcheck && { Healthcheck: healthcheckFor(Healthcheck, minor) }),
  };
  const { ConsoleSize, PortBindings, Mounts, ...host } = withoutNulls(HostConfig);
  const hostConfig = {
    ...asOfVersion({ ...host, ...wholeResources(host) }, minor),
    NetworkMode: networkMode(host.NetworkMode),
    ...(PortBindings && { PortBindings: portMapOf(PortBindings) }),
    ...(Mounts && { Mounts: mountRequests(Mounts, minor) }),
    ...(ConsoleSize && minor >= 42 && { ConsoleSize }), // without effect before
  };
  const driverWarning = volumeDriverWarning(hostConfig, minor);
  const mode = hostConfig.NetworkMode;
  const given = endpointsOf(NetworkingConfig?.EndpointsConfig ?? {}, mode, minor);
  const endpoints = mac ? withMac(given, mode, mac, minor) : given;
  const moved = moveInterfaceSysctls(hostConfig.Sysctls ?? {}, mode, minor);
  return {
    request: {
      ...(query.name && { name: query.name.replace(/^\//, "") }),
      config,
      hostConfig: moved ? { ...hostConfig, Sysctls: moved.rest } : hostConfig,
      endpoints: moved ? withSysctls(endpoints, mode, moved.option, minor) : endpoints,
      ...(query.platform && { platform: query.platform }),
      ...(minor < 44 && { readonlyNonRecursive: true }),
    },
    warnings: [
      ...(driverWarning !== undefined ? [driverWarning] : []),
      ...(mac && minor >= 44 ? [MAC_WARNING] : []),
      ...(moved ? [moved.warning] : []),
    ],
  };
}

/** What goes before the first success is unknown to clients before 1.44. */
function healthcheckFor(given: HealthcheckBody, minor: Minor): NonNullable<ContainerConfig["Healthcheck"]> {
  const { StartInterval, ...rest } = withoutNulls(given);
  return minor >= 44 && StartInterval !== undefined ? { ...rest, StartInterval } : rest;
}

const MAC_WARNING =
  "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.";

/** `default` stands for the default network without its name. */
const networkMode = (given: string | null | undefined): string =>
  !given || given === "default" ? "bridge" : given;
