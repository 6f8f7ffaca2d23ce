/**
 * Web pages can send requests to the loopback: a page of any origin could start a privileged container,
 * were it not refused here. (A page can't reach a unix socket.)
 */
import type { IncomingHttpHeaders } from "node:http";
import { forbidden } from "../lib/errors.ts";
import { isLoopback } from "./listen.ts";

/** @throws forbidden for what a browser sends, and where the name asked for is not this host's loopback (DNS rebinding) */
export function refuseBrowsers(
  headers: IncomingHttpHeaders,
  options: { readonly hostMustBeLoopback: boolean },
): void {
  if (headers.origin !== undefined || headers["sec-fetch-site"] !== undefined) {
    throw forbidden("requests from web pages are refused: use the unix socket or a client of the API");
  }
  if (!options.hostMustBeLoopback) return;
  const host = hostOf(headers.host ?? "");
  if (!isLoopback(host)) {
    throw forbidden(`the Host header must name this machine's loopback, not ${JSON.stringify(host)}`);
  }
}

/** Of `name:port`, `[address]:port`, or either without port. */
function hostOf(header: string): string {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d+)?$/.exec(header) ?? [];
  return bracketed ?? plain ?? header;
}
