import { type Call, CONTAINER, call } from "../lib/call.ts";

/** A container of that name, its id kept under it. */
export const create = (name: string, more: object = {}): Call =>
  call(`POST /containers/create?name=${name}`, { ...CONTAINER, ...more }, { keep: { [name]: "Id" } });

export const withHost = (name: string, HostConfig: object): Call => create(name, { HostConfig });
