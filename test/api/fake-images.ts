/** Images without layers. */
import { Readable } from "node:stream";
import type { Image, Images, ImportRequest } from "../../src/image/types.ts";
import { conflict, invalid, notFound } from "../../src/lib/errors.ts";
import { formatTime, nowNanoseconds } from "../../src/lib/events.ts";
import { type ContainerID, type ImageID, newId } from "../../src/lib/ids.ts";

const now = () => formatTime(nowNanoseconds());

export function fakeImages(imported: { request: ImportRequest; bytes: number }[]): Images {
  const all: Image[] = [];
  const made = (tags: readonly string[], size: number, config: Image["config"] = {}): Image => {
    const image: Image = {
      id: `sha256:${newId<ContainerID>()}` as ImageID,
      tags,
      digests: [],
      created: now(),
      architecture: "amd64",
      os: "linux",
      author: "",
      comment: "",
      config,
      layers: [{ diffId: `sha256:${newId<ContainerID>()}` as Image["layers"][number]["diffId"], size }],
      history: [{ created: now(), createdBy: "import", comment: "", emptyLayer: false }],
      size,
    };
    all.push(image);
    return image;
  };
  const find = (reference: string) => {
    if (/[^\w./:@-]/.test(reference)) throw invalid(`invalid reference format: ${reference}`);
    return all.find(
      ({ id, tags }) =>
        tags.includes(reference) ||
        tags.includes(`${reference}:latest`) ||
        id === reference ||
        id.slice(7).startsWith(reference),
    );
  };
  const unused = async () => {
    throw new Error("not of the API");
  };
  return {
    start: unused,
    stop: unused,
    list: () => all,
    find,
    resolve: async (reference) => {
      const found = find(reference);
      if (found) return found;
      if (/^busybox(:latest)?$/.test(reference)) return made(["busybox:latest"], 1 << 20, { Cmd: ["sh"] });
      throw notFound(`No such image: ${reference}: docker import a root filesystem by that name`);
    },
    import: async (request) => {
      let bytes = 0;
      for await (const piece of request.tar) bytes += piece.length;
      imported.push({ request, bytes });
      if (bytes === 0) throw invalid("the tar is empty");
      return made(request.reference ? [request.reference] : [], bytes);
    },
    tag: async (id, reference) => {
      const at = all.findIndex((image) => image.id === id);
      const image = all[at];
      if (image) all[at] = { ...image, tags: [...image.tags, reference.replace(/^docker\.io\//, "")] };
    },
    remove: async (reference, { force, usedBy }) => {
      const image = find(reference);
      if (!image) throw notFound(`No such image: ${reference}`);
      if (usedBy(image.id).length > 0 && !force) throw conflict(`image is being used: ${reference}`);
      all.splice(all.indexOf(image), 1);
      return [...image.tags.map((untagged) => ({ untagged })), { deleted: image.id }];
    },
    add: unused,
    contents: unused,
    commit: unused,
    changes: unused,
    export: unused,
    save: async (names) => {
      const tars = names.map((name) => {
        const image = find(name);
        if (!image) throw notFound(`No such image: ${name}`);
        return `tar of ${image.tags.join(" ")}\n`;
      });
      return Readable.from(tars, { objectMode: false });
    },
    load: async (tar, { platform, onLayer } = {}) => {
      let bytes = 0;
      for await (const piece of tar) bytes += piece.length;
      if (bytes < 10) throw invalid("the tar archive is cut short");
      const image = made(["loaded:1"], bytes);
      const diffId = image.layers[0]?.diffId;
      if (diffId) onLayer?.(diffId, "complete", bytes, bytes);
      if (platform) return [{ image: { ...image, tags: [] }, references: [], replaced: [] }];
      const replaced = all.filter(({ tags, id }) => tags.includes("loaded:1") && id !== image.id);
      return [
        {
          image,
          references: image.tags,
          replaced: replaced.map(({ id }) => ({ reference: "loaded:1", image: id })),
        },
      ];
    },
    prune: async (candidates, usedBy) => {
      const free = candidates.filter((id) => usedBy(id).length === 0);
      const gone = all.filter(({ id }) => free.includes(id));
      for (const image of gone) all.splice(all.indexOf(image), 1);
      return {
        removed: gone.map(({ id }) => ({ deleted: id })),
        reclaimed: gone.reduce((sum, { size }) => sum + size, 0),
      };
    },
    driverOf: () => ({ name: "overlay2", data: { UpperDir: "/layers/top" } }),
    createLayer: unused,
    mount: unused,
    filesystemOf: () => {
      throw new Error("not of the API");
    },
    unmount: unused,
    removeLayer: unused,
    layerOwners: () => [],
    layerUsage: unused,
    storageDriver: "overlay2",
  };
}
