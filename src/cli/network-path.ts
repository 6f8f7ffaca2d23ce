/** The API's path of a network's resource. */
export const networkPath = (reference: string, resource = ""): string =>
  `/networks/${encodeURIComponent(reference)}${resource && `/${resource}`}`;
