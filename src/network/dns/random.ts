/** Random numbers that can't be guessed, many at a time: one call for each would cost more than the rest of a query. */
import { randomFillSync } from "node:crypto";

const pool = new Uint16Array(512);
let used = pool.length;

export function randomU16(): number {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const value = pool[used] ?? 0;
  pool[used] = 0; // told once
  used += 1;
  return value;
}
