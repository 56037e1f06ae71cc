import { InputError } from "../../errors.ts";
import { SETTING_CHECKS, type UsageConfig } from "../../store/usage-config.ts";
import { type Command, GLOBAL_ARGS } from "../command.ts";
import { openDatabase } from "../database.ts";
import { printable } from "../output.ts";
import { nearest } from "../suggest.ts";

const SETTINGS = Object.keys(SETTING_CHECKS);
/** Settings whose column is a number. */
const NUMBERS: ReadonlySet<string> = new Set([
  "custom_limit_tokens",
  "refresh_rate",
  "refresh_per_second",
  "reset_hour",
]);
/** Settings that may be empty. */
const NULLABLE: ReadonlySet<string> = new Set(["custom_limit_tokens", "reset_hour"]);

export const configGet: Command = {
  meta: { name: "get", description: "Print the settings, or one of them" },
  args: {
    setting: { type: "positional", required: false, description: SETTINGS.join(", ") },
    ...GLOBAL_ARGS,
  },
  choices: { setting: SETTINGS },
  examples: [
    ["usagedb config get", "every setting"],
    ["usagedb config get timezone", "one of them"],
  ],
  run: async (context) => {
    const { args, output } = context;
    const name = args["setting"] === undefined ? null : settingName(String(args["setting"]));
    using db = openDatabase(context, "read");
    const config = db.config.get() as Record<string, unknown> | null;
    if (name !== null) {
      output.text(render(config?.[name]));
      output.json({ [name]: config?.[name] ?? null });
      return 0;
    }
    output.json(config);
    if (!output.isJson) {
      const { renderTable } = await import("../table.ts");
      output.text(
        renderTable(
          [{ title: "setting" }, { title: "value" }],
          SETTINGS.map((setting) => [setting, render(config?.[setting])]),
        ),
      );
    }
    return 0;
  },
};

export const configSet: Command = {
  meta: { name: "set", description: "Change one setting" },
  args: {
    setting: { type: "positional", required: true, description: SETTINGS.join(", ") },
    value: {
      type: "positional",
      required: true,
      description: "the new value; `none` empties custom_limit_tokens and reset_hour",
    },
    ...GLOBAL_ARGS,
  },
  choices: { setting: SETTINGS },
  examples: [
    ["usagedb config set timezone Europe/Berlin", "days of reports follow this zone"],
    ["usagedb config set reset_hour 4", "days begin at four in the morning"],
    ["usagedb config set reset_hour none", "days begin at midnight"],
  ],
  run: async (context) => {
    const { args, output } = context;
    const name = settingName(String(args["setting"]));
    const value = readValue(name, String(args["value"]));
    using db = openDatabase(context, "create");
    db.config.update({ [name]: value } as Partial<UsageConfig>);
    output.outcome(`${name} = ${render(value)}`);
    output.json(db.config.get());
    return 0;
  },
};

export const configReset: Command = {
  meta: { name: "reset", description: "Go back to the defaults" },
  args: { ...GLOBAL_ARGS },
  examples: [["usagedb config reset", "every setting"]],
  run: async (context) => {
    using db = openDatabase(context, "create");
    db.config.reset();
    context.output.outcome("Every setting is back at its default.");
    context.output.json(db.config.get());
    return 0;
  },
};

function settingName(name: string): string {
  if (SETTINGS.includes(name)) return name;
  throw new InputError(
    "CLI_USAGE",
    `Cannot use the setting ${JSON.stringify(name)}: there is none, expected ${nearest(name, SETTINGS) ?? SETTINGS.join(", ")}`,
    {
      details: { setting: name, known: SETTINGS },
      hint: "Run `usagedb config get` to see the settings.",
    },
  );
}

function readValue(name: string, text: string): string | number | null {
  if (NULLABLE.has(name) && text === "none") return null;
  return NUMBERS.has(name) && text.trim() !== "" ? Number(text) : text;
}

function render(value: unknown): string {
  return value === null || value === undefined ? "none" : printable(String(value));
}
