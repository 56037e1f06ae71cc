/** The pieces that the judges of statements share. */
import type { HazardKind } from "../../../migration/hazard-kind.ts";
import type { Contents } from "./contents.ts";
import type { Holdings } from "./holdings.ts";
import type { LiveTables } from "./live-tables.ts";
import type { Shadow } from "./shadow.ts";

/** A hazard before it is known where it stands. */
export interface Finding {
  readonly kind: HazardKind;
  readonly losesData: boolean;
  readonly table: string;
  readonly column: string | null;
  readonly rowCount: number | null;
  readonly message: string;
  readonly wayOut: string;
}

/** What a plan is judged on: its schema as it goes on, the rows as they are, and who holds them. */
export interface Bench {
  readonly shadow: Shadow;
  readonly live: LiveTables;
  readonly holdings: Holdings;
  readonly contents: Contents;
}

/** Findings, and what could not be decided. */
export interface Judgement {
  readonly findings: readonly Finding[];
  readonly unknown: readonly string[];
}

export const NOTHING: Judgement = { findings: [], unknown: [] };

export function together(judgements: readonly Judgement[]): Judgement {
  return {
    findings: judgements.flatMap(({ findings }) => findings),
    unknown: judgements.flatMap(({ unknown }) => unknown),
  };
}

/** A statement that stops midway when it meets the rows. */
export function failing(
  subject: { readonly table: string; readonly column?: string },
  rowCount: number,
  { reason, wayOut }: { readonly reason: string; readonly wayOut: string },
): Finding {
  const { table, column = null } = subject;
  const name = column === null ? table : `${table}.${column}`;
  return {
    kind: "FAILS_ON_EXISTING_ROWS",
    losesData: false,
    table,
    column,
    rowCount,
    message: `fails on ${rowCount} row(s) of ${name}: ${reason}`,
    wayOut,
  };
}
