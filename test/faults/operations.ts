/** Every operation that is killed, and fails, at each of its calls: one line each. */
import { down, up } from "./migration-operations.ts";
import type { Operation } from "./operation.ts";
import { adopt, backup, prune, restore, sync } from "./usage-operations.ts";

export const OPERATIONS: readonly Operation[] = [up, down, sync, prune, backup, restore, adopt];

/** Those that were asked for; all of them when nothing was. */
export function operationsOf(only: readonly string[] | null): readonly Operation[] {
  return OPERATIONS.filter(({ name }) => only === null || only.includes(name));
}
