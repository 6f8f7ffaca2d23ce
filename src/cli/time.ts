const pad = (number: number): string => String(number).padStart(2, "0");

/** Local time as Go's time.Time prints itself: `2026-01-02 03:04:05 +0000 UTC`. @param seconds since 1970 */
export function goTime(seconds: number): string {
  const at = new Date(seconds * 1000);
  const minutes = -at.getTimezoneOffset();
  const zone = `${minutes < 0 ? "-" : "+"}${pad(Math.trunc(Math.abs(minutes) / 60))}${pad(Math.abs(minutes) % 60)}`;
  const date = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  return `${date} ${clock(at)} ${zone} ${minutes === 0 ? "UTC" : zone}`;
}

/** Local time in RFC 3339 with nanoseconds, as `events` shows it. */
export function localNanoseconds(nanoseconds: bigint): string {
  const at = new Date(Number(nanoseconds / 1_000_000n));
  const minutes = -at.getTimezoneOffset();
  const zone =
    minutes === 0
      ? "Z"
      : `${minutes < 0 ? "-" : "+"}${pad(Math.trunc(Math.abs(minutes) / 60))}:${pad(Math.abs(minutes) % 60)}`;
  const fraction = String(nanoseconds % 1_000_000_000n).padStart(9, "0");
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}T${clock(at)}.${fraction}${zone}`;
}

const clock = (at: Date): string => `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
