/** The schedulers that a system may have, and which of them maintain a database. */
import { dirname } from "node:path";
import type { CommandContext } from "../command.ts";
import { configFolder, homeFolder } from "../paths.ts";
import { crontab } from "./crontab.ts";
import { launchd } from "./launchd.ts";
import type { Scheduler, SchedulerName } from "./scheduler.ts";
import { systemd } from "./systemd.ts";

export const hashOf = (database: string): string =>
  Bun.CryptoHasher.hash("sha256", database, "hex");

export const idOf = (database: string): string => hashOf(database).slice(0, 12);

export function schedulersOf(
  { env, now }: Pick<CommandContext, "env" | "now">,
  database: string,
): Scheduler[] {
  const common = { env, now: now() };
  return [
    systemd({ ...common, folder: `${configFolder(env)}/systemd/user` }),
    crontab({ ...common, copyFolder: dirname(database) }),
    launchd({
      ...common,
      folder: `${homeFolder(env)}/Library/LaunchAgents`,
      uid: process.getuid?.() ?? 0,
    }),
  ];
}

/**
 * Those with an entry for the database, which taking out would change; writes nothing.
 * @throws {OperationError} SCHEDULER_FAILED.
 */
export function schedulersWith(
  context: Pick<CommandContext, "env" | "now">,
  database: string,
): SchedulerName[] {
  return schedulersOf(context, database)
    .filter((scheduler) => scheduler.isAvailable())
    .filter((scheduler) => scheduler.uninstall(idOf(database)).isChanged)
    .map(({ name }) => name);
}
