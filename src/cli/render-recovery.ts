/** The balance of a recovery, for people. */
import type { TableBalance } from "../engine/sqlite/recover/balance.ts";
import type { RecoverReport } from "../recover/recover.ts";
import { printable } from "./output.ts";
import { renderTable } from "./table.ts";

/** Differences shown one by one; all are counted. */
const LISTED_DIFFERENCES = 10;

export function renderRecovery(report: RecoverReport): string {
  const rows = report.tables.map((table) => [
    table.table,
    table.expected === null ? "?" : String(table.expected),
    String(table.read + table.fromIndexes),
    String(table.saved),
    String(refusedRows(table)),
    table.unreadablePages.map(renderRange).join(", "),
  ]);
  const numbers = ["expected", "read", "saved", "put aside"];
  const head = [
    { title: "table" },
    ...numbers.map((title) => ({ title, align: "right" as const })),
    { title: "unreadable pages" },
  ];
  return [renderTable(head, rows), "", ...remarksOf(report), ...verdictOf(report)].join("\n");
}

function remarksOf(report: RecoverReport): string[] {
  const lines: string[] = [];
  if (!report.isHeaderReadable)
    lines.push(
      `The first page is no database's; pages were taken to have ${report.pageSize} bytes.`,
    );
  if (!report.isSchemaWhole)
    lines.push("The schema is damaged; tables were told by the pointer map and by their rows.");
  if (report.versionFrom === "assumed")
    lines.push(`No version was to be read; version ${report.version} was assumed.`);
  if (report.missingPages.length > 0)
    lines.push(
      `The file was cut off: pages ${report.missingPages.map(renderRange).join(", ")} are gone.`,
    );
  lines.push(...walLines(report));
  for (const table of report.tables) lines.push(...tableLines(table));
  if (report.strayRows > 0)
    lines.push(`${report.strayRows} row(s) that belong to no table for sure were put aside.`);
  if (report.policiesSwitchedOff)
    lines.push(
      "What is kept how long was lost in part: those rules are switched off, nothing goes by them; `usagedb config retention` shows and sets them.",
    );
  if (report.hoursRebuilt > 0)
    lines.push(`${report.hoursRebuilt} lost hour(s) were summed anew from the messages.`);
  if (report.totalsRebuilt > 0)
    lines.push(`${report.totalsRebuilt} lost total(s) of sessions were summed anew.`);
  if (report.differences.length > 0) {
    lines.push(`${report.differences.length} difference(s) between hours and messages:`);
    const shown = report.differences.slice(0, LISTED_DIFFERENCES);
    lines.push(...shown.map((line) => `  ${printable(line)}`));
    if (shown.length < report.differences.length)
      lines.push(`  and ${report.differences.length - shown.length} more`);
  }
  for (const path of report.abandoned)
    lines.push(
      `${printable(path)} is a copy of a damaged database that a killed run left; delete it when no other run is at work.`,
    );
  if (report.refusedFile !== null)
    lines.push(`What was put aside stands in ${printable(report.refusedFile)}.`);
  return lines;
}

function walLines({ wal }: RecoverReport): string[] {
  if (wal === null) return [];
  if (!wal.isReadable)
    return [`The WAL of ${wal.sizeBytes} bytes has no valid header; nothing in it counts.`];
  if (wal.cutFrames === 0) return [];
  return [
    `${wal.cutFrames} frame(s) of the WAL come after its last whole commit and do not count.`,
  ];
}

function tableLines(table: TableBalance): string[] {
  const lines = Object.entries(table.refused).map(
    ([reason, count]) => `${table.table}: ${count} row(s) put aside: ${printable(reason)}`,
  );
  const read = table.read + table.fromIndexes;
  if (table.expected !== null && table.expected > read)
    lines.push(`${table.table}: ${table.expected - read} row(s) are lost`);
  if (table.unreadableRows > 0)
    lines.push(`${table.table}: ${table.unreadableRows} record(s) cannot be read`);
  if (table.changed > 0)
    lines.push(
      `${table.table}: ${table.changed} row(s) were saved without a reference that is lost`,
    );
  if (table.rebuilt > 0)
    lines.push(
      `${table.table}: ${table.rebuilt} row(s) that others point at have only their key left`,
    );
  return lines;
}

function verdictOf({ isWhole, to }: RecoverReport): string[] {
  return isWhole
    ? [`Everything was saved into ${printable(to)}.`]
    : [
        `What could be read was saved into ${printable(to)}. A flipped bit inside a value cannot be seen; compare with a backup where it matters.`,
      ];
}

const refusedRows = ({ refused }: TableBalance): number =>
  Object.values(refused).reduce((sum, count) => sum + count, 0);

const renderRange = ([first, last]: readonly [number, number]): string =>
  first === last ? String(first) : `${first}-${last}`;
