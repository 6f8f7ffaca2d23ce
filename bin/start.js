// Plain JavaScript, so that nothing has to be compiled before the cache of compiled modules is open: with it
// the command starts in half the time.
import { existsSync, mkdirSync, statSync } from "node:fs";
import { enableCompileCache, registerHooks } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Root's own place, never a directory that another user could fill: what lies there is run. */
function cacheDirectory() {
  if (process.geteuid?.() === 0) return "/var/cache/drawbridge";
  const { XDG_CACHE_HOME: cache, HOME: home } = process.env;
  if (cache?.startsWith("/")) return join(cache, "drawbridge");
  return home?.startsWith("/") ? join(home, ".cache/drawbridge") : undefined;
}

function useCache() {
  const path = cacheDirectory();
  if (path === undefined) return;
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const { uid, mode } = statSync(path);
    if (uid !== process.geteuid?.() || (mode & 0o022) !== 0) return;
    enableCompileCache(path);
    // The engine's threads learn of it from the environment: without it each would compile anew, and stay
    // larger by the compiler.
    if (process.argv[2] === "daemon") process.env.NODE_COMPILE_CACHE = path;
  } catch {
    // A read-only home or file system: all is the same without the cache, but later.
  }
}

/**
 * A module of ours is where its importer says. Node would look at every import for packages and links on the way, which
 * takes longer than to load what is found.
 */
function resolveOwn(root, format) {
  const url = pathToFileURL(root).href;
  registerHooks({
    resolve(specifier, context, next) {
      const own = specifier.startsWith(".") && context.parentURL?.startsWith(url);
      if (!own) return next(specifier, context);
      return { url: new URL(specifier, context.parentURL).href, format, shortCircuit: true };
    },
  });
}

useCache();
const sources = join(import.meta.dirname, "../src/");
const fromSources = existsSync(sources);
const root = fromSources ? sources : join(import.meta.dirname, "../dist/");
resolveOwn(root, fromSources ? "module-typescript" : "module");
await import(join(root, fromSources ? "cli/main.ts" : "cli/main.js"));
