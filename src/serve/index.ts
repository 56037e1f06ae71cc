/** The hook server, for programs that embed it: `usagedb/serve`. */
export {
  type HookServer,
  type HookServerCounts,
  type HookServerOptions,
  startHookServer,
} from "./hook-server.ts";
export { readOrMakeToken, tokenPath } from "./token-file.ts";
