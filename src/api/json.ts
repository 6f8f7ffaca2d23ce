/**
 * Request bodies as Go's encoding/json reads them, whose ways clients have grown around: names of members are found
 * whatever their case, a later one of the same name wins, and what is wrong is said in its words.
 */
import { invalid } from "../lib/errors.ts";
import { jsonFlaw } from "./json-flaw.ts";
import type { Schema } from "./schema.ts";

/** @throws invalid, in Docker's words (moby, api/server/httputils) */
export function parseBody(contentType: string | undefined, body: Buffer, schema: Schema): unknown {
  const media = contentType?.split(";")[0]?.trim().toLowerCase();
  if (media !== "application/json") {
    throw invalid(`unsupported Content-Type header (${contentType ?? ""}): must be 'application/json'`);
  }
  const text = body.toString("utf8");
  if (text.trim() === "") throw invalid("invalid JSON: got EOF while reading request body");
  // A member of this name would be taken for an object's prototype further on.
  if (text.includes('"__proto__"')) throw invalid("invalid JSON: __proto__ is no name for a member");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(jsonFlaw(text) ?? `invalid JSON: ${error instanceof Error ? error.message : error}`, error);
  }
  return named(value, schema);
}

interface Described {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
}

/** The value with its members named as the schema names them: `{"image": …}` is `{"Image": …}`. */
function named(value: unknown, schema: Schema): unknown {
  if (value === null || typeof value !== "object") return value;
  const { properties, additionalProperties, items } = schema as Described;
  if (Array.isArray(value)) return items ? value.map((each) => named(each, items)) : value;
  if (additionalProperties) {
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [name, named(each, additionalProperties)]),
    );
  }
  if (!properties) return value;
  const known = caseless(properties);
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => {
      const meant = Object.hasOwn(properties, name) ? name : (known.get(name.toLowerCase()) ?? name);
      return [meant, named(each, properties[meant] ?? {})];
    }),
  );
}

const CASELESS = new WeakMap<object, ReadonlyMap<string, string>>();

function caseless(properties: Readonly<Record<string, Schema>>): ReadonlyMap<string, string> {
  const ready = CASELESS.get(properties);
  if (ready) return ready;
  const made = new Map(Object.keys(properties).map((name) => [name.toLowerCase(), name]));
  CASELESS.set(properties, made);
  return made;
}
