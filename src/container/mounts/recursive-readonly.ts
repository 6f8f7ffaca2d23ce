/** The mount option `rro`: mount_setattr(2) with AT_RECURSIVE, Linux 5.12, where the OCI runtime knows it. */

/** When runtimes learned it. */
const RUNTIMES: Readonly<Record<string, string>> = { crun: "1.4", runc: "1.1" };
const KERNEL = "5.12";

const numbersOf = (version: string): readonly number[] =>
  /^\D*(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number) ?? [0, 0];

function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = numbersOf(version);
  const [oldMajor = 0, oldMinor = 0] = numbersOf(than);
  return major < oldMajor || (major === oldMajor && minor < oldMinor);
}

/** Undefined where mounts below a read-only one can be read-only as well. */
export function whyNoRecursiveReadonly(
  kernel: string,
  runtime: { readonly name: string; readonly version: string },
): string | undefined {
  if (isOlder(kernel, KERNEL)) return `the kernel is ${kernel}, it takes ${KERNEL}`;
  const needed = RUNTIMES[runtime.name];
  if (needed === undefined) return `the runtime ${runtime.name} does not tell of it`;
  return isOlder(runtime.version, needed)
    ? `the runtime is ${runtime.name} ${runtime.version}, it takes ${needed}`
    : undefined;
}
