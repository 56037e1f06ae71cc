/** The view of the five-hour block that goes on. */
import type { BlockLimits, Limit } from "../../report/limits.ts";
import type { LiveBlock, LiveReport, OfficialLimit } from "../../report/live.ts";
import type { LearnedLimit } from "../../report/official-limits.ts";
import type { SessionRow } from "../../report/sessions.ts";
import { compact, dollars, grouped, shortModel } from "../usage-text.ts";
import { bar, roleOfPercent, sparkline } from "./bars.ts";
import { columnLines, pageOf } from "../columns.ts";
import { EMPTY_LINE, type Line, pad, type Role, span } from "./line.ts";
import type { WatchState } from "./model.ts";
import type { Rendered } from "./render-screen.ts";
import { sessionColumns } from "./session-columns.ts";
import { type ClockStyle, momentText, spanText } from "./times.ts";

interface Space {
  readonly nowMs: number;
  readonly width: number;
  readonly height: number;
}

const LABEL_COLUMNS = 10;
const MAX_BAR = 80;
/** What stands behind a bar: share, figures, where the limit is from. */
const BEHIND_BAR = 44;

const SOURCES: Readonly<Record<Limit["source"], string>> = {
  setting: "your limit",
  learned: "learned",
  plan: "plan",
  p90: "P90 of blocks",
};

export function renderRealtime(
  state: WatchState,
  sessions: readonly SessionRow[],
  space: Space,
): Rendered {
  const { live } = state.data;
  const lines = [
    ...(live.block === null ? idleLines(live) : blockLines(live.block, live, { state, space })),
    ...live.official.map((limit) => officialLine(limit, state, space)),
    ...(live.block === null ? [] : detailLines(live.block, live, { state, space })),
  ];
  const room = space.height - lines.length - 2;
  if (sessions.length === 0 || room < 2) return { lines, listRows: sessions.length };
  const unpriced = live.block?.unpricedModels ?? [];
  const { head, body } = columnLines(sessionColumns(space.nowMs, state, unpriced), sessions, {
    width: space.width,
  });
  const listRows = room - 1;
  return {
    lines: [
      ...lines,
      EMPTY_LINE,
      [span("Recent sessions", "title")],
      head,
      ...pageOf(body, state.scroll, listRows),
    ],
    listRows,
  };
}

const labelled = (label: string, rest: Line): Line => [
  span(pad(label, LABEL_COLUMNS), "label"),
  ...rest,
];

function idleLines({ agent, plan }: LiveReport): Line[] {
  if (agent === null)
    return [
      [span("No usage yet.", "title")],
      [span("What agents write from now on is shown here within seconds.", "muted")],
      EMPTY_LINE,
    ];
  return [
    [span("No block goes on", "title"), span(`   plan ${plan ?? "custom"}`, "muted")],
    [span("The next message begins one of five hours.", "muted")],
    EMPTY_LINE,
  ];
}

interface Scene {
  readonly state: WatchState;
  readonly space: Space;
}

function blockLines(block: LiveBlock, live: LiveReport, { state, space }: Scene): Line[] {
  const { nowMs } = space;
  const [startMs, endMs] = [Date.parse(block.startTime), Date.parse(block.endTime)];
  const share = (nowMs - startMs) / (endMs - startMs);
  const borders = `${momentText(startMs, nowMs, state)} to ${momentText(endMs, nowMs, state)}`;
  const anchor = block.anchor === "sample" ? "official" : "by messages";
  return [
    [
      span("Block", "title"),
      span(`   ${borders}`),
      span(`   ${anchor}, plan ${live.plan ?? "custom"}`, "muted"),
    ],
    EMPTY_LINE,
    labelled("Time", [
      ...barOf(share * 100, space.width, "accent"),
      span(` resets in ${spanText(endMs - nowMs)}`),
    ]),
    ...limitLines(block, space),
  ];
}

function barOf(percent: number, width: number, role: Role): Line {
  const columns = Math.max(8, Math.min(MAX_BAR, width - LABEL_COLUMNS - BEHIND_BAR));
  return [...bar(percent / 100, columns, role), span(`${Math.round(percent)}%`.padStart(6))];
}

function limitLines(
  { limits, costUSD, messages, unpricedModels }: LiveBlock,
  { width }: Space,
): Line[] {
  const partly = unpricedModels.length > 0;
  const count = width < 110 ? compact : grouped;
  const line = (label: string, limit: Limit, text: (amount: number) => string): Line =>
    labelled(label, [
      ...barOf(limit.usedPercent, width, roleOfPercent(limit.usedPercent)),
      span(` ${text(limit.used)} of ${text(limit.limit)}`),
      span(`, ${SOURCES[limit.source]}`, "muted"),
    ]);
  return [
    line("Tokens", limits.tokens, count),
    limits.costUsd === null
      ? labelled("Cost", [span(dollars(costUSD, partly))])
      : line("Cost", limits.costUsd, (usd) => `$${usd.toFixed(2)}`),
    limits.messages === null
      ? labelled("Messages", [span(String(messages))])
      : line("Messages", limits.messages, count),
  ];
}

function officialLine(limit: OfficialLimit, style: ClockStyle, { nowMs, width }: Space): Line {
  const { usedPercent, resetsAt, observedAt } = limit;
  const resets = momentText(Date.parse(resetsAt), nowMs, style);
  const ago = spanText(nowMs - Date.parse(observedAt));
  return labelled(officialLabel(limit), [
    ...barOf(usedPercent, width, roleOfPercent(usedPercent)),
    span(` official, resets ${resets}`),
    span(`, ${ago} ago`, "muted"),
  ]);
}

function officialLabel({ name }: OfficialLimit): string {
  if (name === "five_hour") return "5 hours";
  return name === "seven_day" ? "7 days" : name.replaceAll("_", " ");
}

function detailLines(block: LiveBlock, live: LiveReport, { state, space }: Scene): Line[] {
  const { burnRate, projection, limits } = block;
  const partly = block.unpricedModels.length > 0;
  const rate: Line =
    burnRate === null
      ? [span("needs a second message", "muted")]
      : [
          span(`${grouped(Math.round(burnRate.tokensPerMinute))} tokens/min`),
          span(" with the cache's, ", "muted"),
          span(`${dollars(burnRate.costPerHour, partly)} an hour`),
        ];
  const end: Line =
    projection === null
      ? [span("unknown", "muted")]
      : [
          span(
            `${compact(Math.round(limits.tokens.projected ?? 0))} of ${compact(limits.tokens.limit)} tokens`,
            roleOfPercent(((limits.tokens.projected ?? 0) / limits.tokens.limit) * 100),
          ),
          span(
            `, ${compact(projection.totalTokens)} with the cache's, ${dollars(projection.totalCost, partly)}`,
            "muted",
          ),
        ];
  return [
    EMPTY_LINE,
    labelled("Burn", rate),
    labelled("At reset", end),
    labelled("Limit", limitLine(limits, live.official, { state, space })),
    labelled("Activity", [
      span(`▕${sparkline(block.activity).padEnd(block.activity.length)}▏`, "accent"),
      span(" 10 min a column", "muted"),
    ]),
    labelled("Models", modelLine(block)),
    ...(live.learned === null ? [] : [labelled("Learned", learnedLine(live.learned))]),
  ];
}

/** What is reached first, and when. */
function limitLine(
  { tokens, costUsd, messages }: BlockLimits,
  official: readonly OfficialLimit[],
  { state, space: { nowMs } }: Scene,
): Line {
  const reached = [
    { name: "tokens", at: tokens.reachedAt },
    { name: "cost", at: costUsd?.reachedAt ?? null },
    { name: "messages", at: messages?.reachedAt ?? null },
    ...official.map((limit) => ({ name: `official ${officialLabel(limit)}`, at: limit.reachedAt })),
  ].flatMap(({ name, at }) => (at === null ? [] : [{ name, atMs: Date.parse(at) }]));
  const first = reached.sort((a, b) => a.atMs - b.atMs)[0];
  if (first === undefined) return [span("not before the reset", "good")];
  if (first.atMs <= nowMs)
    return [
      span(
        `${reached
          .filter(({ atMs }) => atMs <= nowMs)
          .map(({ name }) => name)
          .join(", ")} reached`,
        "bad",
      ),
    ];
  return [
    span(`${first.name} at ${momentText(first.atMs, nowMs, state)}`, "warn"),
    span(`, in ${spanText(first.atMs - nowMs)}`),
  ];
}

function modelLine({ modelBreakdowns, totalTokens }: LiveBlock): Line {
  const shares = modelBreakdowns
    .map((model) => ({
      name: shortModel(model.modelName),
      tokens:
        model.inputTokens + model.outputTokens + model.cacheCreationTokens + model.cacheReadTokens,
    }))
    .sort((a, b) => b.tokens - a.tokens)
    .map(({ name, tokens }) => `${name} ${Math.round((tokens / Math.max(1, totalTokens)) * 100)}%`);
  return [span(shares.join(", "))];
}

function learnedLine({ tokens, windows, spread, confidence }: LearnedLimit): Line {
  return [
    span(`100% is about ${compact(tokens)} tokens`),
    span(
      `, from ${windows} window${windows === 1 ? "" : "s"}, spread ${Math.round(spread * 100)}%, confidence ${confidence}`,
      "muted",
    ),
  ];
}
