import { RETENTION_MEANINGS } from "../../store/retention-meanings.ts";
import { RETENTION_DEFAULTS, type RetentionPolicy } from "../../store/retention-policies.ts";
import { type Command, GLOBAL_ARGS } from "../command.ts";
import { openDatabase } from "../database.ts";
import {
  nameOf,
  POLICY_NAMES,
  readPolicyName,
  readPolicyNames,
  readPolicyValue,
  renderPolicyValue,
} from "../retention-values.ts";

export const retentionList: Command = {
  meta: { name: "list", description: "Print what is kept how long" },
  args: { ...GLOBAL_ARGS },
  examples: [
    ["usagedb config retention", "every policy, and what was changed"],
    ["usagedb config retention --json", "in milliseconds, bytes and rows"],
  ],
  run: async (context) => {
    const { output } = context;
    using db = openDatabase(context, "read");
    const policies = db.retention.list();
    output.json(policies.map(dataOf));
    if (!output.isJson) {
      const { renderTable } = await import("../table.ts");
      output.text(
        renderTable(
          [
            { title: "policy" },
            { title: "value" },
            { title: "default" },
            { title: "what it does" },
          ],
          policies.map((policy) => [
            nameOf(policy),
            renderPolicyValue(policy, policy.value),
            isChanged(policy) ? renderPolicyValue(policy, defaultOf(policy)) : "=",
            RETENTION_MEANINGS[`${policy.subject}.${policy.rule}`] ?? "",
          ]),
        ),
      );
    }
    return 0;
  },
};

export const retentionGet: Command = {
  meta: { name: "get", description: "Print one policy" },
  args: {
    policy: { type: "positional", required: true, description: POLICY_NAMES.join(", ") },
    ...GLOBAL_ARGS,
  },
  choices: { policy: POLICY_NAMES },
  examples: [["usagedb config retention get events.max_age", "how long events are kept"]],
  run: async (context) => {
    const { args, output } = context;
    const name = readPolicyName(String(args["policy"]));
    using db = openDatabase(context, "read");
    const value = db.retention.get(name.subject, name.rule);
    output.text(renderPolicyValue(name, value));
    output.json({ policy: nameOf(name), ...name, value });
    return 0;
  },
};

export const retentionSet: Command = {
  meta: {
    name: "set",
    description: "Change one policy; the next `usagedb maintain` goes by it",
  },
  args: {
    policy: { type: "positional", required: true, description: POLICY_NAMES.join(", ") },
    value: {
      type: "positional",
      required: true,
      description: "a span (90d, 12h, 2w), a size (500MB), a number of rows, or `off`",
    },
    ...GLOBAL_ARGS,
  },
  choices: { policy: POLICY_NAMES },
  examples: [
    ["usagedb config retention set events.max_age 90d", "older events go"],
    ["usagedb config retention set database.max_bytes 500MB", "the file stays that small"],
    [
      "usagedb config retention set snapshots.hourly_after off",
      "no snapshots are thinned by the hour",
    ],
  ],
  run: async (context) => {
    const { args, output } = context;
    const name = readPolicyName(String(args["policy"]));
    const value = readPolicyValue(name, String(args["value"]));
    using db = openDatabase(context, "create");
    const before = db.retention.get(name.subject, name.rule);
    db.retention.set(name.subject, name.rule, value);
    output.outcome(
      `${nameOf(name)} = ${renderPolicyValue(name, value)} (was ${renderPolicyValue(name, before)})`,
    );
    if (value !== null && (before === null || value < before))
      output.note(
        "Nothing is deleted yet: `usagedb maintain --dry-run` says what the next run will do.",
      );
    output.json({ policy: nameOf(name), ...name, value, before });
    return 0;
  },
};

export const retentionReset: Command = {
  meta: { name: "reset", description: "Go back to the defaults" },
  args: {
    policy: {
      type: "positional",
      required: false,
      description: "one policy, or what it is about: events, snapshots; all when left out",
    },
    ...GLOBAL_ARGS,
  },
  choices: { policy: POLICY_NAMES },
  examples: [
    ["usagedb config retention reset", "every policy"],
    ["usagedb config retention reset events", "those of events"],
    ["usagedb config retention reset events.max_age", "one"],
  ],
  run: async (context) => {
    const { args, output } = context;
    const text = args["policy"];
    const names = typeof text === "string" ? readPolicyNames(text) : RETENTION_DEFAULTS;
    using db = openDatabase(context, "create");
    db.connection.transaction(() => {
      for (const { subject, rule } of names) db.retention.reset(subject, rule);
    }, "reset the retention policies");
    output.outcome(
      `${names.length} polic${names.length === 1 ? "y is" : "ies are"} at the default.`,
    );
    output.json(db.retention.list().map(dataOf));
    return 0;
  },
};

function dataOf(policy: RetentionPolicy): Record<string, unknown> {
  const { subject, rule, value, updated_at } = policy;
  return { policy: nameOf(policy), subject, rule, value, default: defaultOf(policy), updated_at };
}

function defaultOf({ subject, rule }: RetentionPolicy): number | null {
  return (
    RETENTION_DEFAULTS.find((policy) => policy.subject === subject && policy.rule === rule)
      ?.value ?? null
  );
}

const isChanged = (policy: RetentionPolicy): boolean => policy.value !== defaultOf(policy);
