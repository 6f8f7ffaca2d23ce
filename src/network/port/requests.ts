/** What may be asked of published ports, and which ones a request is about. */
import { invalid } from "../../lib/errors.ts";
import { sameAddress } from "../../lib/ip.ts";
import { type ContainerPort, NO_HOST_PORT, type PortBinding, type PublishRequest } from "./types.ts";

const isPort = (port: number): boolean => Number.isInteger(port) && port > 0 && port <= 0xffff;

/** `80/tcp`. */
export const formatPort = ({ port, protocol }: ContainerPort): string => `${port}/${protocol}`;

/** @throws invalid */
export function checkPublishRequest(request: PublishRequest): void {
  const { port, hostPorts } = request;
  if (!isPort(port)) throw invalid(`invalid container port ${formatPort(request)}`);
  if (!hostPorts) return;
  const { first, last } = hostPorts;
  if (!isPort(first) || !isPort(last) || last < first) {
    throw invalid(`invalid host port range ${first}-${last} for ${formatPort(request)}`);
  }
}

/** By host address and port where the request says them, else by the container's port alone. */
export const isNamedBy = (
  binding: PortBinding,
  { protocol, port, hostAddress, hostPorts }: PublishRequest,
): boolean =>
  binding.protocol === protocol &&
  binding.port === port &&
  (!hostAddress || sameAddress(hostAddress, binding.hostAddress)) &&
  (!hostPorts ||
    binding.hostPort === NO_HOST_PORT ||
    (hostPorts.first <= binding.hostPort && binding.hostPort <= hostPorts.last));
