/**
 * Node's HTTP modules without what an ES import of them costs: that reads every export, and one of them
 * (`WebSocket`) loads a whole fetch client, 35 ms and some megabytes that nothing here uses.
 */
import type * as http from "node:http";

const plain = process.getBuiltinModule("node:http");
const tls = process.getBuiltinModule("node:https");

export const { Agent, createServer, IncomingMessage, request, ServerResponse } = plain;
export const { Agent: TlsAgent, createServer: createTlsServer, request: tlsRequest } = tls;

export type Agent = http.Agent;
export type ClientRequest = http.ClientRequest;
export type IncomingMessage = http.IncomingMessage;
export type RequestOptions = http.RequestOptions;
export type Server<R extends typeof http.IncomingMessage = typeof http.IncomingMessage> = http.Server<R>;
export type ServerResponse = http.ServerResponse;
