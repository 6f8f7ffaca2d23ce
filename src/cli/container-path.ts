/** The API's path of a container's resource. */
export const containerPath = (reference: string, resource = ""): string =>
  `/containers/${encodeURIComponent(reference)}${resource && `/${resource}`}`;
