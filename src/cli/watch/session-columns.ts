/** The columns of a list of sessions. */
import type { SessionRow } from "../../report/sessions.ts";
import { printable } from "../output.ts";
import { compact, dollars, shortModel, shortProject } from "../usage-text.ts";
import type { Column } from "../columns.ts";
import { type ClockStyle, momentText, spanText } from "./times.ts";

/** As agents cut the ids of sessions. */
const ID_LENGTH = 8;

export function sessionColumns(
  nowMs: number,
  style: ClockStyle,
  unpriced: readonly string[],
): Column<SessionRow>[] {
  const at = (iso: string): string => momentText(Date.parse(iso), nowMs, style);
  const total = (row: SessionRow): string => compact(row.totalTokens);
  return [
    {
      title: "Session",
      text: ({ period }) => printable(period.slice(0, ID_LENGTH)),
      role: "muted",
      rank: 3,
    },
    { title: "Project", text: ({ project }) => shortProject(project), rank: 0, leastWidth: 12 },
    {
      title: "Models",
      text: ({ modelsUsed }) => modelsUsed.map(shortModel).join(", "),
      rank: 2,
      leastWidth: 10,
    },
    {
      title: "Began",
      text: ({ metadata }) => at(metadata.firstActivity),
      align: "right",
      role: "muted",
      rank: 5,
    },
    {
      title: "Last",
      text: ({ metadata }) => `${spanText(nowMs - Date.parse(metadata.lastActivity))} ago`,
      align: "right",
      rank: 1,
    },
    {
      title: "Messages",
      text: ({ messageCount }) => String(messageCount),
      align: "right",
      rank: 4,
    },
    { title: "Output", text: (row) => compact(row.outputTokens), align: "right", rank: 4 },
    { title: "Tokens", text: total, align: "right", rank: 0 },
    {
      title: "Cost",
      text: (row) =>
        dollars(
          row.totalCost,
          row.modelsUsed.some((model) => unpriced.includes(model)),
        ),
      align: "right",
      rank: 0,
    },
  ];
}
