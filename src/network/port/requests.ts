/** What may be asked of published ports, and which ones a request is about. */
import { invalid } from "../../lib/errors.ts";
import { sameAddress } from "../../lib/ip.ts";
import { NO_HOST_PORT, type PortBinding, type PublishRequest } from "./types.ts";

const isPort = (port: number): boolean => Number.isInteger(port) && port > 0 && port <= 0xffff;

/** @throws invalid */
export function checkPublishRequest({ port, protocol, hostPorts }: PublishRequest): void {
  if (!isPort(port)) throw invalid(`invalid container port ${port}/${protocol}`);
  if (!hostPorts) return;
  const { first, last } = hostPorts;
  if (!isPort(first) || !isPort(last) || last < first) {
    throw invalid(`invalid host port range ${first}-${last} for ${port}/${protocol}`);
  }
}

/** Bindings that a request names: by host address and port where it says them, else all of the container's port. */
export const namedBy = (request: PublishRequest, bindings: readonly PortBinding[]): readonly PortBinding[] =>
  bindings.filter(
    ({ protocol, port, hostAddress, hostPort }) =>
      protocol === request.protocol &&
      port === request.port &&
      (!request.hostAddress || sameAddress(request.hostAddress, hostAddress)) &&
      (!request.hostPorts ||
        hostPort === NO_HOST_PORT ||
        (hostPort >= request.hostPorts.first && hostPort <= request.hostPorts.last)),
  );
