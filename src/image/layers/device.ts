/** Major and minor of a device number (makedev(3), read backwards). */
export function deviceOf(dev: number): readonly [major: number, minor: number] {
  const bits = BigInt(dev);
  const major = ((bits >> 32n) & ~0xfffn) | ((bits >> 8n) & 0xfffn);
  return [Number(major), Number(((bits >> 12n) & 0xffffff00n) | (bits & 0xffn))];
}
