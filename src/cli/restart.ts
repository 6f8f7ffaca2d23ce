import { stopping } from "./stopping.ts";

export default stopping("restart", "Restart one or more containers");
