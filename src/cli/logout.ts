import { dropLogin, serverKey } from "./registry-auth.ts";
import { verb } from "./verb.ts";

export default verb({
  usage: "[SERVER]",
  about: "Log out from a registry",
  flags: [],
  least: 0,
  most: 1,
  async run({ out }, [server]) {
    const key = serverKey(server);
    out(dropLogin(key) ? `Removing login credentials for ${key}\n` : `Not logged in to ${key}\n`);
  },
});
