/** The product's own hot queries; loaded only by whoever looks at their plans. */
import text from "../../migrations/sqlite/queries.sql" with { type: "text" };

/** The text of `migrations/sqlite/queries.sql`; a compiled program carries it along. */
export const OWN_QUERIES = { file: "usagedb's own queries.sql", text } as const;
