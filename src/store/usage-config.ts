/** The settings of usage monitoring: one active row. */
import { InputError } from "../errors.ts";
import type { Binding, Connection, Prepared } from "../engine/sqlite/connection.ts";
import { checkInteger, checkKeys, checkNonEmpty, checkNumber, checkOneOf } from "./checks.ts";

export const PLANS = ["pro", "max5", "max20", "custom"] as const;
export const VIEWS = ["realtime", "daily", "monthly", "session"] as const;
export const TIME_FORMATS = ["12h", "24h", "auto"] as const;
export const THEMES = ["light", "dark", "classic", "auto"] as const;

export interface UsageConfig {
  readonly id: number;
  readonly plan: (typeof PLANS)[number];
  /** Tokens; null leaves the limit to be learned. */
  readonly custom_limit_tokens: number | null;
  readonly view: (typeof VIEWS)[number];
  /** An IANA zone, or `auto` for the machine's. */
  readonly timezone: string;
  readonly time_format: (typeof TIME_FORMATS)[number];
  readonly theme: (typeof THEMES)[number];
  /** Seconds between reloads of data, 1 to 60. */
  readonly refresh_rate: number;
  /** Redraws a second, 0.1 to 20. */
  readonly refresh_per_second: number;
  /** The local hour at which the reporting day starts, 0 to 23; null means midnight. */
  readonly reset_hour: number | null;
  readonly created_at: number;
  readonly updated_at: number;
  readonly is_active: 0 | 1;
}

export const USAGE_CONFIG_COLUMNS = [
  "id",
  "plan",
  "custom_limit_tokens",
  "view",
  "timezone",
  "time_format",
  "theme",
  "refresh_rate",
  "refresh_per_second",
  "reset_hour",
  "created_at",
  "updated_at",
  "is_active",
] as const satisfies readonly (keyof UsageConfig)[];

type Settings = Omit<UsageConfig, "id" | "created_at" | "updated_at" | "is_active">;

/** The defaults of the table; a test compares them with it. */
export const DEFAULT_SETTINGS: Settings = {
  plan: "custom",
  custom_limit_tokens: null,
  view: "realtime",
  timezone: "auto",
  time_format: "auto",
  theme: "auto",
  refresh_rate: 10,
  refresh_per_second: 0.75,
  reset_hour: null,
};

/** How each setting is checked; its keys are the settings that may be changed. */
export const SETTING_CHECKS: {
  readonly [Name in keyof Settings]: (value: unknown) => Settings[Name];
} = {
  plan: (value) => checkOneOf("plan", value, PLANS),
  custom_limit_tokens: (value) =>
    value === null ? null : checkInteger("custom_limit_tokens", value, 1, Number.MAX_SAFE_INTEGER),
  view: (value) => checkOneOf("view", value, VIEWS),
  timezone: checkTimeZone,
  time_format: (value) => checkOneOf("time_format", value, TIME_FORMATS),
  theme: (value) => checkOneOf("theme", value, THEMES),
  refresh_rate: (value) => checkInteger("refresh_rate", value, 1, 60),
  refresh_per_second: (value) => checkNumber("refresh_per_second", value, 0.1, 20),
  reset_hour: (value) => (value === null ? null : checkInteger("reset_hour", value, 0, 23)),
};

const SETTINGS = Object.keys(SETTING_CHECKS) as (keyof Settings)[];

export class UsageConfigStore {
  readonly #connection: Connection;
  readonly #now: () => number;
  readonly #get: Prepared<UsageConfig>;

  constructor(connection: Connection, now: () => number) {
    this.#connection = connection;
    this.#now = now;
    this.#get = connection.prepare<UsageConfig>(
      `SELECT ${USAGE_CONFIG_COLUMNS.join(", ")} FROM usage_config WHERE is_active = 1`,
      "read the settings",
    );
  }

  /** The active settings; null when somebody deactivated every row. */
  get(): UsageConfig | null {
    return this.#get.get();
  }

  /**
   * Changes the settings named, all or none, creating the active row when there is none.
   * Returns true when a row was changed, false for an empty update.
   * @throws {InputError} VALUE_INVALID, or OPTION_UNKNOWN for a column that is not a setting.
   */
  update(updates: Partial<UsageConfig>): boolean {
    checkKeys("config.update", updates, USAGE_CONFIG_COLUMNS);
    const names = this.#settingsOf(updates);
    const checked = names.map((name) => checkSetting(name, updates[name as keyof UsageConfig]));
    if (names.length === 0) return false;
    return this.#connection.transaction(() => {
      if (this.get() === null) this.#insertDefaults();
      const assignments = names.map((name) => `${name} = ?`).join(", ");
      const { changes } = this.#connection
        .prepare(
          `UPDATE usage_config SET ${assignments}, updated_at = max(updated_at, ?) WHERE is_active = 1`,
          "change the settings",
        )
        .run(...checked, this.#now());
      return changes > 0;
    }, "change the settings");
  }

  /** Puts every setting back to its default. */
  reset(): boolean {
    return this.update(DEFAULT_SETTINGS);
  }

  /**
   * The settings that an update names. A whole row may be handed back with some settings changed; its other
   * columns must then be as they are.
   */
  #settingsOf(updates: Partial<UsageConfig>): string[] {
    const named = Object.keys(updates).filter(
      (name) => updates[name as keyof UsageConfig] !== undefined,
    );
    const current = this.get();
    return named.filter(
      (name) =>
        Object.hasOwn(SETTING_CHECKS, name) ||
        current?.[name as keyof UsageConfig] !== updates[name as keyof UsageConfig],
    );
  }

  #insertDefaults(): void {
    const now = this.#now();
    this.#connection
      .prepare(
        "INSERT INTO usage_config (created_at, updated_at) VALUES (?, ?)",
        "create the settings",
      )
      .run(now, now);
  }
}

function checkSetting(name: string, value: unknown): Binding {
  if (Object.hasOwn(SETTING_CHECKS, name)) return SETTING_CHECKS[name as keyof Settings](value);
  throw new InputError(
    "OPTION_UNKNOWN",
    `Cannot change the settings: ${JSON.stringify(name)} is not one, expected ${SETTINGS.join(", ")}`,
    { details: { option: name, known: SETTINGS } },
  );
}

function checkTimeZone(value: unknown): string {
  const zone = checkNonEmpty("timezone", value, 100);
  if (zone === "auto") return zone;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone === ""
      ? ""
      : zone;
  } catch (cause) {
    throw new InputError(
      "VALUE_INVALID",
      `Cannot use timezone: ${JSON.stringify(zone)} is not known, expected \`auto\` or an IANA zone like Europe/Berlin`,
      {
        details: { field: "timezone", observed: zone },
        hint: "Pass `auto` or an IANA zone like Europe/Berlin.",
        cause,
      },
    );
  }
}
