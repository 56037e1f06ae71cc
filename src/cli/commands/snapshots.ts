import { InputError } from "../../errors.ts";
import { parseUsageStats } from "../../store/parse-usage-stats.ts";
import type { SnapshotType, UsageSnapshot } from "../../store/usage-snapshots.ts";
import { type Command, type CommandContext, GLOBAL_ARGS } from "../command.ts";
import { openDatabase } from "../database.ts";
import { numberArg } from "../number-flag.ts";
import { momentOf } from "../moment-argument.ts";
import { type Output, printable } from "../output.ts";
import { dayRule, TIMEZONE_ARG } from "../report-flags.ts";
import { dollars, grouped } from "../usage-text.ts";

const SHOWN_CHARACTERS = 60;
const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 1_000_000;

export const snapshotsList: Command = {
  meta: { name: "list", description: "Print the newest snapshots" },
  args: {
    session: { type: "string", valueHint: "ID", description: "only of this session" },
    limit: { type: "string", valueHint: "N", description: "at most so many (default: 20)" },
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb snapshots list --limit 5", "the five newest"],
    ["usagedb snapshots list --session 4d5611e5 --json", "whole rows as data"],
  ],
  run: async (context) => {
    const { args, output } = context;
    using db = openDatabase(context, "read");
    const sessionId = args["session"];
    const snapshots = db.snapshots.list({
      limit: numberArg(args, "limit", { from: 1, to: MAX_LIMIT }) ?? DEFAULT_LIMIT,
      ...(typeof sessionId === "string" ? { sessionId } : {}),
    });
    output.json(snapshots);
    if (output.isJson) return 0;
    if (snapshots.length === 0) {
      output.text("No snapshots.");
      return 0;
    }
    const { renderTable } = await import("../table.ts");
    output.text(
      renderTable(
        [
          { title: "id", align: "right" },
          { title: "at" },
          { title: "type" },
          { title: "session" },
          { title: "says" },
        ],
        snapshots.map((snapshot) => [
          String(snapshot.id),
          new Date(snapshot.timestamp).toISOString(),
          snapshot.snapshot_type,
          snapshot.session_id,
          summaryOf(snapshot),
        ]),
      ),
    );
    return 0;
  },
};

/** What the stats of a sync say in one line; of anything else its beginning. */
function summaryOf({ snapshot_type: type, snapshot_data: data }: UsageSnapshot): string {
  if (type === "stats") {
    try {
      const stats = parseUsageStats(data);
      const { message_count: messages } = stats.current_session;
      const { total_tokens: tokens } = stats.version === 1 ? stats.totals : stats.current_session;
      const cost =
        stats.version === 1 || stats.current_session.cost_usd === null
          ? ""
          : `, ${dollars(stats.current_session.cost_usd, !stats.current_session.is_cost_complete)}`;
      return `${grouped(messages)} message(s), ${grouped(tokens)} tokens${cost}`;
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
    }
  }
  return data.slice(0, SHOWN_CHARACTERS);
}

export const snapshotsShow: Command = {
  meta: { name: "show", description: "Print one snapshot whole" },
  args: {
    id: { type: "positional", required: true, description: "its number, as `list` prints it" },
    ...GLOBAL_ARGS,
  },
  examples: [["usagedb snapshots show 12", "the whole JSON document"]],
  run: async (context) => {
    const { args, output } = context;
    const id = numberArg(args, "id", { from: 1, to: Number.MAX_SAFE_INTEGER }) ?? 0;
    using db = openDatabase(context, "read");
    return print(output, db.snapshots.get(id), `no snapshot has the number ${id}`);
  },
};

export const snapshotsAt: Command = {
  meta: {
    name: "at",
    description: "Print what was known at a moment: the newest snapshot until then",
  },
  args: {
    time: {
      type: "positional",
      required: true,
      description: "ISO 8601 such as 2026-02-12T16:00:00Z; local without a zone",
    },
    session: { type: "string", valueHint: "ID", description: "only of this session" },
    ...TIMEZONE_ARG,
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb snapshots at 2026-02-12T16:00:00Z", "how things stood at 16:00 UTC"],
    ["usagedb snapshots at 2026-02-12 --session 4d5611e5 --json", "a session at local midnight"],
  ],
  run: async (context) => {
    const { args, output } = context;
    const sessionId = args["session"];
    using db = openDatabase(context, "read");
    const at = momentOf(String(args["time"]), dayRule(db, context));
    const snapshot = db.snapshots.at(at, typeof sessionId === "string" ? { sessionId } : {});
    return print(output, snapshot, `no snapshot is that old, at ${new Date(at).toISOString()}`);
  },
};

function print(output: Output, snapshot: UsageSnapshot | null, missing: string): 0 | 1 {
  if (snapshot === null) {
    output.json(null);
    output.note(`There is nothing to show: ${missing}.`);
    return 1;
  }
  const data: unknown = JSON.parse(snapshot.snapshot_data);
  output.json({ ...snapshot, snapshot_data: data });
  if (output.isJson) return 0;
  const { id, snapshot_type: type, session_id: session, timestamp } = snapshot;
  output.text(
    `snapshot ${id}, ${type} of session ${session}, ${new Date(timestamp).toISOString()}`,
  );
  output.text(JSON.stringify(data, null, 2));
  return 0;
}

export const snapshotsAdd: Command = {
  meta: { name: "add", description: "Store one snapshot, from an argument or from stdin" },
  args: {
    session: {
      type: "string",
      required: true,
      valueHint: "ID",
      description: "the session it belongs to",
    },
    type: {
      type: "string",
      valueHint: "TYPE",
      description: "stats, config or session (default: stats)",
    },
    data: {
      type: "positional",
      required: false,
      description: "JSON; read from stdin when left out",
    },
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb snapshots add --session s1 '{\"tokens\":12}'", "one snapshot"],
    ["agent --stats | usagedb snapshots add --session s1", "from another program"],
  ],
  run: async (context) => {
    const { args, output } = context;
    const session = args["session"];
    if (typeof session !== "string")
      throw new InputError(
        "CLI_USAGE",
        "Cannot add a snapshot: --session is missing, expected --session ID",
      );
    const type = args["type"];
    const data = await dataArg(context);
    using db = openDatabase(context, "create");
    const snapshot = db.snapshots.insert({
      session_id: session,
      snapshot_data: data,
      ...(typeof type === "string" ? { snapshot_type: type as SnapshotType } : {}),
    });
    output.outcome(`Stored snapshot ${snapshot.id} of session ${printable(snapshot.session_id)}.`);
    output.json(snapshot);
    return 0;
  },
};

async function dataArg({ args }: CommandContext): Promise<string> {
  if (typeof args["data"] === "string") return args["data"];
  if (process.stdin.isTTY === true) {
    throw new InputError(
      "CLI_USAGE",
      "Cannot add a snapshot: there is no data, expected JSON as an argument or on stdin",
    );
  }
  return (await Bun.stdin.text()).trim();
}
