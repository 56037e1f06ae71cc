/** The balance of an adoption: where every row of the old file went. */
import type { AdoptionReport } from "../ingest/events-db/adopt.ts";
import type { TableBalance } from "../ingest/events-db/balance.ts";
import { printable } from "./output.ts";
import { renderTable } from "./table.ts";

export function renderAdoption({ tables, leftAlone }: AdoptionReport): string {
  const right = (title: string): { title: string; align: "right" } => ({ title, align: "right" });
  const table = renderTable(
    [
      { title: "Old table" },
      right("Read"),
      right("Brought in"),
      right("Repaired"),
      right("Known"),
      right("Left"),
    ],
    tables.map((row) => [
      row.table,
      ...[row.read, row.broughtIn, row.repaired, row.known, row.left].map(String),
    ]),
  );
  const lines = [
    ...tables.flatMap(remarkLines),
    ...leftAlone.map(({ table: name, rows }) => `${printable(name)}: left alone, ${rows} row(s)`),
  ];
  return lines.length === 0 ? table : `${table}\n\n${lines.join("\n")}`;
}

function remarkLines({ table, repairs, remarks, reasons }: TableBalance): string[] {
  const list = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([what, count]) => `${what.replaceAll("-", " ")} ${count}`)
      .join(", ");
  return [
    ...(Object.keys(repairs).length === 0 ? [] : [`${table}: repaired: ${list(repairs)}`]),
    ...(Object.keys(remarks).length === 0 ? [] : [`${table}: of note: ${list(remarks)}`]),
    ...reasons.map((reason) => `${table}: ${printable(reason)}`),
  ];
}
