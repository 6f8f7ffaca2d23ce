/** Another name for a container, whether it runs or not. */
import { invalid } from "../lib/errors.ts";
import type { Entry } from "./entry.ts";
import { checkName } from "./names.ts";
import type { Context } from "./options.ts";

/** It keeps the old one where that fails. @throws invalid for a name that can't be; conflict for one that is taken */
export function rename({ registry, networks, tell }: Context, entry: Entry, name: string): Promise<void> {
  return entry.mutex.run(async () => {
    if (name === "") throw invalid("Neither old nor new names may be empty");
    const wanted = checkName(name);
    const { id, name: old } = entry.container;
    if (wanted === old) throw invalid("Renaming a container with the same name as its current name");
    registry.names.reserve(wanted, id);
    try {
      await registry.save(entry, { name: wanted });
      if (entry.active) await networks.renameContainer(id, wanted);
    } catch (thrown) {
      registry.names.release(wanted, id);
      await registry.save(entry, { name: old });
      throw thrown;
    }
    registry.names.release(old, id);
    tell(entry.container, "rename", { oldName: `/${old}` });
  });
}
