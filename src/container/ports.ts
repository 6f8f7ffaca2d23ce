/** Exposed ports (Docker API, ContainerConfig.ExposedPorts): `<port>/<tcp|udp|sctp>`. */
import { invalid } from "../lib/errors.ts";

const PORT = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/i;

/** As Docker keeps them: `80` is `80/tcp`. @throws invalid: clients could not read a list with any other */
export function exposedPorts(asked: Readonly<Record<string, object>> = {}): Readonly<Record<string, object>> {
  return Object.fromEntries(
    Object.entries(asked).map(([key, value]) => {
      const [, port = "", protocol = "tcp"] = PORT.exec(key) ?? [];
      if (port === "" || Number(port) > 0xffff) throw invalid(`invalid port '${key}' in ExposedPorts`);
      return [`${Number(port)}/${protocol.toLowerCase()}`, value];
    }),
  );
}
