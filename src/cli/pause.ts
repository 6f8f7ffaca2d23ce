import { pausing } from "./pausing.ts";

export default pausing("pause", "Pause all processes within one or more containers");
