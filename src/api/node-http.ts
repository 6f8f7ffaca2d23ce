/**
 * Node's HTTP modules without what an ES import of them costs: that reads every export, and one of them
 * (`WebSocket`) loads a whole fetch client, 35 ms and some megabytes that nothing here uses.
 */
import type * as http from "node:http";
import type * as https from "node:https";

const plain = process.getBuiltinModule("node:http");

export const { Agent, createServer, IncomingMessage, request, ServerResponse } = plain;
/** With TLS, loaded where somebody speaks it: few do, and it takes 5 ms. */
export const tls = (): typeof https => process.getBuiltinModule("node:https");

export type Agent = http.Agent;
export type ClientRequest = http.ClientRequest;
export type IncomingMessage = http.IncomingMessage;
export type RequestOptions = http.RequestOptions;
export type Server<R extends typeof http.IncomingMessage = typeof http.IncomingMessage> = http.Server<R>;
export type ServerResponse = http.ServerResponse;
