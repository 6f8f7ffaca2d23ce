/** References out of a path. None of them is ever part of a file's name. */
import { notFound } from "../lib/errors.ts";

/** Ids and container names (`[a-zA-Z0-9][a-zA-Z0-9_.-]+`); network names are as free as texts can be. */
const CONTAINER = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const NETWORK = /^\P{Cc}+$/u;

/** A container's id, prefix or name; a leading slash, as inspect shows it, is dropped. @throws not-found */
export function containerReference(given: string): string {
  const reference = given.startsWith("/") ? given.slice(1) : given;
  if (!CONTAINER.test(reference)) throw notFound(`No such container: ${given}`);
  return reference;
}

/** @throws not-found */
export function execReference(given: string): string {
  if (!CONTAINER.test(given)) throw notFound(`No such exec instance: ${given}`);
  return given;
}

/** @throws not-found */
export function networkReference(given: string): string {
  if (!NETWORK.test(given)) throw notFound(`network ${given} not found`);
  return given;
}
