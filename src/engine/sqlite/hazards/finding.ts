/** The pieces that the judges of statements share. */
import type { HazardKind } from "../../../migration/hazard-kind.ts";
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
}
