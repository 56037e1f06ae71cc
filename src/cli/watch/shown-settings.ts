/** What is shown, as settings: what the key that keeps it writes. */
import type { UsageConfig } from "../../store/usage-config.ts";
import type { WatchState } from "./model.ts";
import { prefers12h } from "./times.ts";

export type ShownSettings = Partial<
  Pick<UsageConfig, "view" | "theme" | "timezone" | "time_format">
>;

/** The settings that would show something else; empty when they show just this. `auto` stays where it does. */
export function shownSettings(
  { view, theme, timeZone, is12h }: Pick<WatchState, "view" | "theme" | "timeZone" | "is12h">,
  config: Required<ShownSettings>,
  machine: {
    readonly timeZone: string;
    readonly env: Readonly<Record<string, string | undefined>>;
  },
): ShownSettings {
  const zone = config.timezone === "auto" ? machine.timeZone : config.timezone;
  const was12h =
    config.time_format === "auto" ? prefers12h(machine.env) : config.time_format === "12h";
  return {
    ...(view === config.view ? {} : { view }),
    ...(theme === config.theme ? {} : { theme }),
    ...(timeZone === zone ? {} : { timezone: timeZone }),
    ...(is12h === was12h ? {} : { time_format: is12h ? "12h" : "24h" }),
  };
}
