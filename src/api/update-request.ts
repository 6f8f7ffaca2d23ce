/** The body of "Update a container": its schema, and what of it the engine is asked. */
import type { RestartPolicy, UpdateRequest } from "../container/types.ts";
import { invalid } from "../lib/errors.ts";
import { limitSchemas } from "./resource-schemas.ts";
import { integer, object, type Schema, text, withoutNulls } from "./schema.ts";
import type { Minor } from "./version.ts";

export const updateSchema: Schema = object({
  ...limitSchemas,
  RestartPolicy: object({ Name: text, MaximumRetryCount: integer }),
});

/** As the schema lets it through. */
export type UpdateBody = Readonly<Record<string, unknown>> &
  Partial<Omit<UpdateRequest, "RestartPolicy">> & {
    readonly RestartPolicy?: Partial<RestartPolicy> | null;
  };

/** What of HostConfig's Resources stays as it is as long as a container lives: Docker passes it over without a word. */
const isAsked = (value: unknown): boolean =>
  Boolean(value) && !(typeof value === "object" && value !== null && Object.keys(value).length === 0);

/** @throws invalid */
export function updateRequest(
  body: UpdateBody | null | undefined,
  minor: Minor,
): { readonly request: UpdateRequest; readonly warnings: readonly string[] } {
  if (!body) throw invalid("invalid JSON: got EOF while reading request body");
  const { RestartPolicy, ...given } = withoutNulls(body);
  const known = Object.fromEntries(
    Object.entries(given).filter(([name]) => Object.hasOwn(limitSchemas, name)),
  );
  const { PidsLimit, KernelMemory, ...limits } = known as Omit<UpdateRequest, "RestartPolicy">;
  const others = Object.keys(given).filter(
    (name) => !Object.hasOwn(limitSchemas, name) && isAsked(given[name]),
  );
  const name = RestartPolicy?.Name;
  return {
    request: {
      ...limits,
      ...(KernelMemory !== undefined && minor < 42 && { KernelMemory }),
      // Whatever is not above zero is for no limit.
      ...(PidsLimit !== undefined &&
        PidsLimit !== null &&
        minor >= 40 && { PidsLimit: Math.max(0, PidsLimit) }),
      ...(name && { RestartPolicy: { Name: name, MaximumRetryCount: RestartPolicy.MaximumRetryCount ?? 0 } }),
    },
    warnings: others.map(
      (other) => `${other} can't be updated: it stays as it was at the container's creation.`,
    ),
  };
}
