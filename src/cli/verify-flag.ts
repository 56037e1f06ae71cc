/** `--verify`: whether what a report reads is what the messages say. */
import type { UsageStore } from "../store/usage-store.ts";
import type { Output } from "./output.ts";

export const VERIFY_ARG = {
  verify: {
    type: "boolean",
    description: "recompute hours and sessions from the messages too; exit 3 when they differ",
  },
} as const;

/** Tells of every difference; returns the exit code, 0 when nothing was asked. */
export async function verified(
  store: UsageStore,
  args: Readonly<Record<string, unknown>>,
  output: Output,
): Promise<0 | 3> {
  if (args["verify"] !== true) return 0;
  const { foldedUsage, verifyRollups } = await import("../report/verify.ts");
  const differences = verifyRollups(store);
  const folded = foldedUsage(store);
  if (folded !== null)
    output.note(
      `Left out: ${folded.messages} message(s) up to ${new Date(folded.lastAt).toISOString()} were folded; what is kept of them is compared with the folds.`,
    );
  for (const line of differences) output.note(line);
  if (differences.length > 0) return 3;
  output.note("Verified: the hours and the sessions are what the messages say.");
  return 0;
}
