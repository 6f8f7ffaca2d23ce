/**
 * Fields of Docker's HostConfig that are not carried out here yet. Nothing that was asked for is ignored in
 * silence: with Docker's own default they pass, with anything else they are named.
 */
type Check = (value: unknown) => boolean;

const isAbsent: Check = (value) => value === undefined || value === null;
const isEmpty: Check = (value) =>
  isAbsent(value) ||
  value === "" ||
  value === 0 ||
  value === false ||
  (typeof value === "object" && value !== null && Object.keys(value).length === 0);
const anything: Check = () => true;

/** What each field may be. */
const FIELDS: Readonly<Record<string, Check>> = {
  // Another container's cgroup, by an older way than CgroupParent: no version of dockerd does anything with it.
  Cgroup: isEmpty,
};

/** The same of a network's EndpointSettings. Those that the engine itself sets are shown, and may come back. */
const IPAM_FIELDS: Readonly<Record<string, Check>> = { LinkLocalIPs: isEmpty };

/**
 * The names of fields in a client's HostConfig that ask for what is not built in: `["Cgroup"]`. Fields
 * that Docker does not know pass, as they do with Docker.
 */
export function unsupportedHostConfig(hostConfig: Readonly<Record<string, unknown>>): string[] {
  return refused(hostConfig, FIELDS);
}

/** Likewise of one network's settings: `["IPAMConfig.LinkLocalIPs"]`. */
export function unsupportedEndpointSettings(settings: Readonly<Record<string, unknown>>): string[] {
  const ipam = Object(settings.IPAMConfig ?? {}) as Readonly<Record<string, unknown>>;
  return refused(ipam, IPAM_FIELDS).map((name) => `IPAMConfig.${name}`);
}

const refused = (
  given: Readonly<Record<string, unknown>>,
  checks: Readonly<Record<string, Check>>,
): string[] =>
  Object.entries(given)
    .filter(([name, value]) => !(checks[name] ?? anything)(value))
    .map(([name]) => name);
