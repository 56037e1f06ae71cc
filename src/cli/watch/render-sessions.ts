/** The view of sessions: the one active last comes first. */
import { compact, dollars } from "../usage-text.ts";
import { columnLines, pageOf } from "../columns.ts";
import { EMPTY_LINE, type Line, span } from "./line.ts";
import type { WatchData, WatchState } from "./model.ts";
import type { Rendered } from "./render-screen.ts";
import { sessionColumns } from "./session-columns.ts";

type Page = Extract<WatchData["page"], { view: "session" }>;

/** How long after its last message a session counts as going on. */
const GOES_ON_MS = 5 * 60_000;

export function renderSessions(
  state: WatchState,
  { report, days }: Page,
  {
    nowMs,
    width,
    height,
  }: { readonly nowMs: number; readonly width: number; readonly height: number },
): Rendered {
  const { session, totals, unpricedModels } = report;
  const title: Line = [
    span(`Sessions of the last ${days} days`, "title"),
    span(
      `   ${session.length}, ${compact(totals.totalTokens)} tokens, ${dollars(totals.totalCost, unpricedModels.length > 0)}`,
      "muted",
    ),
  ];
  if (session.length === 0)
    return { lines: [title, EMPTY_LINE, [span("No usage in these days.")]], listRows: 1 };
  const listRows = Math.max(1, height - 3);
  const { head, body } = columnLines(sessionColumns(nowMs, state, unpricedModels), session, {
    width,
    isSelected: ({ metadata }) => nowMs - Date.parse(metadata.lastActivity) < GOES_ON_MS,
  });
  return {
    lines: [title, EMPTY_LINE, head, ...pageOf(body, state.scroll, listRows)],
    listRows,
  };
}
