import { stopping } from "./stopping.ts";

export default stopping("stop", "Stop one or more running containers");
