/** What engines answer is others' JSON, of many versions: a part that isn't there, or is of another type, reads as empty. */
import { isObject } from "../../lib/is-object.ts";

export type Json = Readonly<Record<string, unknown>>;

export const textAt = (object: Json, key: string): string => {
  const value = object[key];
  return typeof value === "string" ? value : "";
};

export const numberAt = (object: Json, key: string): number => {
  const value = object[key];
  return typeof value === "number" ? value : 0;
};

export const objectAt = (object: Json, key: string): Json => {
  const value = object[key];
  return isObject(value) ? value : {};
};

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Of a list, those parts that are objects. */
export const objectsOf = (value: unknown): readonly Json[] => listOf(value).filter(isObject);

export const textsOf = (value: unknown): readonly string[] =>
  listOf(value).filter((one) => typeof one === "string");

/** Of an object, those values that are text. */
export const textMapOf = (value: Json): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === "string"),
  );
