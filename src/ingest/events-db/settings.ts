/** The old settings: taken over where nobody has changed ours yet. */
import { UsageDbError } from "../../errors.ts";
import { DEFAULT_SETTINGS, SETTING_CHECKS, type UsageConfig } from "../../store/usage-config.ts";
import type { UsageStore } from "../../store/usage-store.ts";
import { Tally } from "./balance.ts";
import type { OldValue } from "./carry.ts";
import type { EventsDb } from "./source.ts";

type Settings = typeof DEFAULT_SETTINGS;
type SettingName = keyof Settings;

const NAMES = Object.keys(DEFAULT_SETTINGS) as SettingName[];

/**
 * Makes the old active row our settings, unless ours were changed already; counts every row of the old table.
 * A setting that ours does not accept keeps its default and is named.
 */
export function adoptSettings(store: UsageStore, source: EventsDb, isDryRun: boolean): Tally {
  const tally = new Tally("usage_config");
  const rows = [...source.rows("usage_config")].map(({ columns }) => columns);
  const active = rows.findLast((columns) => columns.get("is_active") === 1);
  tally.addLeft(
    rows.length - (active === undefined ? 0 : 1),
    "inactive settings stay in the old file",
  );
  if (active === undefined) return tally;
  const { settings, refused } = readSettings(active);
  const current = store.config.get() ?? DEFAULT_SETTINGS;
  for (const name of refused) tally.explain(`${name} was not accepted and has its default`);
  if (isSame(settings, current)) {
    tally.addKnown();
    return tally;
  }
  if (!isSame(current, DEFAULT_SETTINGS)) {
    tally.addLeft(1, `settings were changed here already; the old ones: ${words(settings)}`);
    return tally;
  }
  if (!isDryRun) store.config.update(settings);
  tally.addBroughtIn(refused.length > 0 ? ["setting-refused"] : [], []);
  return tally;
}

function readSettings(columns: ReadonlyMap<string, OldValue>): {
  readonly settings: Settings;
  readonly refused: readonly SettingName[];
} {
  const taken: Partial<UsageConfig> = {};
  const refused: SettingName[] = [];
  for (const name of NAMES) {
    if (!columns.has(name)) continue;
    try {
      Object.assign(taken, { [name]: SETTING_CHECKS[name](columns.get(name)) });
    } catch (error) {
      if (!(error instanceof UsageDbError)) throw error;
      refused.push(name);
    }
  }
  return { settings: { ...DEFAULT_SETTINGS, ...taken }, refused };
}

function isSame(left: Settings, right: Settings): boolean {
  return NAMES.every((name) => left[name] === right[name]);
}

/** The settings that differ from the defaults. */
function words(settings: Settings): string {
  return NAMES.filter((name) => settings[name] !== DEFAULT_SETTINGS[name])
    .map((name) => `${name} = ${String(settings[name])}`)
    .join(", ");
}
