/** The API's path of an image's resource. A name's slashes stay: the API takes them so. */
export const imagePath = (reference: string, resource = ""): string =>
  `/images/${reference.split("/").map(encodeURIComponent).join("/")}${resource && `/${resource}`}`;
