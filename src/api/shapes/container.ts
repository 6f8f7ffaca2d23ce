/** Containers in Docker's JSON (Engine API, ContainerInspectResponse and ContainerSummary). */
import type { Container, ContainerView } from "../../container/types.ts";
import type { Minor } from "../version.ts";
import { type NetworkIdOf, networkSettings, networksOf } from "./endpoint.ts";
import { hostConfigOf } from "./host-config.ts";
import { familiar } from "./image.ts";
import { mountsOf } from "./mounts.ts";
import { portList } from "./ports.ts";
import { stateOf, statusText } from "./state.ts";
import { unixSeconds } from "./time.ts";

/** What it takes besides the container to show it. */
export interface ShownWith {
  readonly minor: Minor;
  readonly networkIdOf: NetworkIdOf;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Bytes, where the client asked for them. */
export interface Sizes {
  readonly writable: number;
  readonly total: number;
}

export function containerInspect(view: ContainerView, given: ShownWith, sizes?: Sizes) {
  const { container } = view;
  return {
    Id: container.id,
    Created: container.created,
    Path: container.path,
    Args: container.args,
    State: stateOf(container.state),
    Image: container.image,
    ResolvConfPath: view.paths.resolvConf,
    HostnamePath: view.paths.hostname,
    HostsPath: view.paths.hosts,
    LogPath: view.paths.log,
    Name: `/${container.name}`,
    RestartCount: container.restartCount,
    Driver: view.graphDriver.name,
    Platform: "linux",
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: "",
    ExecIDs: view.execs.length > 0 ? view.execs : null,
    HostConfig: hostConfigOf(container.hostConfig),
    GraphDriver: { Data: { ID: container.id, ...view.graphDriver.data }, Name: view.graphDriver.name },
    ...(sizes && { SizeRw: sizes.writable, SizeRootFs: sizes.total }),
    Mounts: mountsOf(container),
    Config: configOf(container, given.minor),
    NetworkSettings: networkSettings(view, given.networkIdOf, given.minor),
  };
}

/** `Config` of inspect: as stored, with what dockerd shows of everything left out. */
function configOf(container: Container, minor: Minor) {
  const { config } = container;
  const mac = Object.values(container.endpoints).find((endpoint) => endpoint.MacAddress)?.MacAddress;
  return {
    Hostname: config.Hostname,
    Domainname: config.Domainname,
    User: config.User ?? "",
    AttachStdin: config.AttachStdin,
    AttachStdout: config.AttachStdout,
    AttachStderr: config.AttachStderr,
    ...(Object.keys(config.ExposedPorts ?? {}).length > 0 && { ExposedPorts: config.ExposedPorts }),
    Tty: config.Tty,
    OpenStdin: config.OpenStdin,
    StdinOnce: config.StdinOnce,
    Env: config.Env ?? [],
    Cmd: config.Cmd ?? null,
    ...(config.Healthcheck && { Healthcheck: config.Healthcheck }),
    Image: config.Image,
    // Clients send an empty map for none.
    Volumes: Object.keys(config.Volumes ?? {}).length > 0 ? config.Volumes : null,
    WorkingDir: config.WorkingDir ?? "",
    Entrypoint: config.Entrypoint ?? null,
    ...(config.NetworkDisabled && { NetworkDisabled: true }),
    ...(minor < 44 && mac !== undefined && { MacAddress: mac }),
    OnBuild: config.OnBuild ?? null,
    Labels: config.Labels ?? {},
    ...(config.StopSignal && { StopSignal: config.StopSignal }),
    ...(config.StopTimeout !== undefined && { StopTimeout: config.StopTimeout }),
    ...(config.Shell && { Shell: config.Shell }),
  };
}

export function containerSummary(view: ContainerView, given: ShownWith, sizes?: Sizes) {
  const { container } = view;
  return {
    Id: container.id,
    Names: [container.name, ...(view.linkedAs ?? [])].map((name) => `/${name}`).sort(),
    Image: shownImage(view),
    ImageID: container.image,
    Command: commandOf(container),
    Created: unixSeconds(container.created),
    Ports: portList(view),
    ...(sizes && { SizeRw: sizes.writable, SizeRootFs: sizes.total }),
    Labels: container.config.Labels ?? {},
    State: container.state.status,
    Status: statusText(container.state, given.now),
    HostConfig: { NetworkMode: container.hostConfig.NetworkMode },
    NetworkSettings: { Networks: listedNetworks(view, given) },
    Mounts: mountsOf(container),
  };
}

/** The list leaves out names and options of endpoints, as dockerd does. */
const listedNetworks = (view: ContainerView, { networkIdOf, minor }: ShownWith) =>
  Object.fromEntries(
    Object.entries(networksOf(view, networkIdOf, minor)).map(([name, shown]) => [
      name,
      {
        ...shown,
        Links: null,
        Aliases: null,
        ...(minor >= 32 && { DriverOpts: null }),
        ...(minor >= 44 && { DNSNames: null }),
      },
    ]),
  );

/** The name that the container was made from, while it still means its image; the image's id afterwards. */
function shownImage({ container, image }: ContainerView): string {
  const name = container.config.Image;
  const byId = container.image.startsWith(name) || container.image.startsWith(`sha256:${name}`);
  return byId || image?.tags.includes(familiar(name)) ? name : container.image;
}

function commandOf({ path, args }: Container): string {
  return [path, ...args.map((arg) => (arg.includes(" ") ? `'${arg}'` : arg))].join(" ");
}
