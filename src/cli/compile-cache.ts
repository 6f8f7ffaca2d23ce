import { mkdirSync, statSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { join } from "node:path";

/** Root's own place, never a directory that another user could fill: what lies there is run. */
function directory(): string | undefined {
  if (process.geteuid?.() === 0) return "/var/cache/drawbridge";
  const { XDG_CACHE_HOME: cache, HOME: home } = process.env;
  if (cache?.startsWith("/")) return join(cache, "drawbridge");
  return home?.startsWith("/") ? join(home, ".cache/drawbridge") : undefined;
}

/** Keep compiled modules between runs, where there is a private place for them: it halves the time to start. */
export function useCompileCache(): void {
  const path = directory();
  if (path === undefined || process.env.NODE_COMPILE_CACHE || process.env.NODE_DISABLE_COMPILE_CACHE) return;
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const { uid, mode } = statSync(path);
    if (uid === process.geteuid?.() && (mode & 0o022) === 0) enableCompileCache(path);
  } catch {
    // A read-only home or file system: without the cache all is the same, but later.
  }
}
