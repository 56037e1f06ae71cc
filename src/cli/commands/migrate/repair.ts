import {
  type Repair,
  type RepairKind,
  repairLedger,
  repairsFor,
} from "../../../engine/sqlite/repair.ts";
import { refuseValue } from "../../../errors.ts";
import { editsOf } from "../../../migration/edits.ts";
import type { MigrationStanding } from "../../../migration/standing.ts";
import { formatVersion } from "../../../migration/version.ts";
import { isAgreed, YES_ARG } from "../../ask.ts";
import { type Command, type CommandContext, GLOBAL_ARGS } from "../../command.ts";
import { LOCK_ARG } from "../../lock-flag.ts";
import { DIR_ARG } from "../../migration-source.ts";
import { openTarget, versionArg } from "../../migration-target.ts";
import { printable } from "../../output.ts";

const KINDS: readonly RepairKind[] = ["accept", "forget", "clear"];

export const repair: Command = {
  meta: {
    name: "repair",
    description:
      "Correct the ledger: accept an edited migration, or forget a version whose file is gone; shows what it will write, and asks",
  },
  args: {
    accept: {
      type: "string",
      valueHint: "VERSION",
      description: "take the file's text as the one that ran",
    },
    forget: {
      type: "string",
      valueHint: "VERSION",
      description: "remove the entry of a version without a file",
    },
    clear: {
      type: "string",
      valueHint: "VERSION",
      description: "forget the progress of an unfinished version; what it changed stays",
    },
    ...YES_ARG,
    ...LOCK_ARG,
    ...DIR_ARG,
    ...GLOBAL_ARGS,
  },
  examples: [
    ["usagedb migrate repair", "list what could be repaired, and write nothing"],
    [
      "usagedb migrate repair --accept 3 --dir db/migrations --db app.db",
      "see the edit, then agree",
    ],
    ["usagedb migrate repair --forget 7 --yes", "in a script"],
  ],
  run: async (context) => {
    const { args, output, now } = context;
    const wanted = KINDS.flatMap((kind) => {
      const version = versionArg(args, kind);
      return version === undefined ? [] : [{ kind, version }];
    });
    using database = await openTarget(context, wanted.length === 0 ? "read" : "existing");
    const migrator = await database.migrator();
    const standings = (): readonly MigrationStanding[] => migrator.status().standings;
    const { standings: before, unfinished } = migrator.status();
    const possible = repairsFor(before, unfinished);
    if (wanted.length === 0) return list(context, possible);
    const repairs = wanted.map(({ kind, version }) => {
      const found = possible.find((one) => one.kind === kind && one.version === version);
      return found ?? refuseValue(`--${kind}`, `version ${version}`, expectedOf(kind, possible));
    });
    if (!output.isJson)
      for (const line of repairs.flatMap((one) => show(one, before))) output.note(line);
    if (!(await isAgreed(args, { action: "repair", question: "Write this?" }))) {
      output.outcome("Nothing was written.");
      return 1;
    }
    for (const one of repairs) repairLedger(database.connection, one, { standings, now });
    output.outcome(`Repaired ${repairs.length} version(s).`);
    output.json({ repaired: repairs });
    return 0;
  },
};

function expectedOf(kind: RepairKind, possible: readonly Repair[]): string {
  const versions = possible.filter((one) => one.kind === kind).map(({ version }) => version);
  return versions.length === 0 ? "no version: none needs it" : `one of ${versions.join(", ")}`;
}

function list({ output }: CommandContext, possible: readonly Repair[]): 0 | 3 {
  output.json({ possible });
  if (possible.length === 0) {
    output.outcome("Nothing to repair.");
    return 0;
  }
  for (const one of possible)
    output.text(`--${one.kind} ${one.version}   ${titleOf(one)}: ${one.writes}`);
  return 3;
}

function show(one: Repair, standings: readonly MigrationStanding[]): string[] {
  const standing = standings.find(({ version }) => version === one.version);
  // Loaded for an edit only.
  const { renderEdit } = require("../../render-edit.ts") as typeof import("../../render-edit.ts");
  const edits = one.kind === "accept" && standing !== undefined ? editsOf(standing) : [];
  return [...edits.flatMap(renderEdit), `${titleOf(one)}: ${one.writes}`];
}

const titleOf = ({ version, name }: Repair): string =>
  `${formatVersion(version)}_${printable(name)}`;
