/** What Claude Code's own settings say of its transcripts. */
import { readSettings } from "./settings-file.ts";
import { claudeSettingsPath } from "./paths.ts";

/** Claude Code's own default. */
const DEFAULT_KEPT_DAYS = 30;

/** After how many days without a change Claude Code deletes a transcript at its start. */
export function claudeKeepsDays(env: Readonly<Record<string, string | undefined>>): number {
  const days = settingsOf(claudeSettingsPath(env))["cleanupPeriodDays"];
  return typeof days === "number" && Number.isFinite(days) && days >= 0 ? days : DEFAULT_KEPT_DAYS;
}

/** Empty for a file that is missing or no JSON: its owner goes by the defaults too. */
function settingsOf(path: string): Readonly<Record<string, unknown>> {
  try {
    const settings: unknown = JSON.parse(readSettings(path).text || "{}");
    return typeof settings === "object" && settings !== null
      ? (settings as Readonly<Record<string, unknown>>)
      : {};
  } catch {
    return {};
  }
}
