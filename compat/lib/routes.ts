/** Which of Docker's calls a request is. */
import { DOCKER_API } from "../docker-api.ts";
import { literally } from "./explain.ts";

const ALL = Object.values(DOCKER_API).flat();

const PATTERNS = ALL.map(([method, path]) => ({
  call: `${method} ${path}`,
  method,
  // A name of an image may have slashes of its own; what has more words in its pattern comes first.
  pattern: new RegExp(
    `^${path
      .split(/\{\w+\}/)
      .map(literally)
      .join("(.+)")}$`,
  ),
  fixed: path.replace(/\{\w+\}/g, "").length,
})).sort((a, b) => b.fixed - a.fixed);

/** `GET /containers/{id}/json`; the request's own words where Docker has no such call. */
export function dockerCallOf(request: string): string {
  const [method, target = ""] = request.split(/ (.*)/s);
  const path = target.replace(/\?.*$/s, "");
  return (
    PATTERNS.find((each) => each.method === method && each.pattern.test(path))?.call ?? `${method} ${path}`
  );
}
