/** How the settings and the command line together choose zone and day border. */
import type { DayRule } from "../report/local-days.ts";
import type { UsageDb } from "../usage-db.ts";
import type { ArgValues } from "./command.ts";

/** The flag, else the setting, else the machine's zone. */
export function dayRule(db: UsageDb, args: ArgValues): DayRule {
  const config = db.config.get();
  const flag = args["timezone"];
  const zone = typeof flag === "string" ? flag : (config?.timezone ?? "auto");
  return {
    timeZone: zone === "auto" ? new Intl.DateTimeFormat().resolvedOptions().timeZone : zone,
    resetHour: config?.reset_hour ?? 0,
  };
}
