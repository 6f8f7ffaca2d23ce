import { pausing } from "./pausing.ts";

export default pausing("unpause", "Unpause all processes within one or more containers");
