import { InputError } from "../../errors.ts";
import type { SnapshotType } from "../../store/usage-snapshots.ts";
import { type Command, type CommandContext, GLOBAL_ARGS } from "../command.ts";
import { openDatabase } from "../database.ts";
import { numberArg } from "../number-flag.ts";
import { printable } from "../output.ts";

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
          { title: "data" },
        ],
        snapshots.map((snapshot) => [
          String(snapshot.id),
          new Date(snapshot.timestamp).toISOString(),
          snapshot.snapshot_type,
          snapshot.session_id,
          snapshot.snapshot_data.slice(0, SHOWN_CHARACTERS),
        ]),
      ),
    );
    return 0;
  },
};

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
