import { parseReference } from "../lib/reference.ts";
import { imagePath } from "./image-path.ts";
import { splitReference } from "./pull.ts";
import { verb } from "./verb.ts";

export default verb({
  usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  about: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
  flags: [],
  least: 2,
  most: 2,
  async run({ client }, [source = "", target = ""]) {
    parseReference(target);
    const { repository: repo, tag } = splitReference(target);
    await client.post(imagePath(source, "tag"), { repo, tag });
  },
});
