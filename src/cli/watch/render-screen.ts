/** A whole screen of `watch`: head, view, foot. */
import { VIEWS } from "../../store/usage-config.ts";
import { printable } from "../output.ts";
import { clipLine, EMPTY_LINE, type Line, span, spread } from "./line.ts";
import type { View, WatchState } from "./model.ts";
import { renderHelpView } from "./render-help-view.ts";
import { renderPeriods } from "./render-periods.ts";
import { renderRealtime } from "./render-realtime.ts";
import { renderSessions } from "./render-sessions.ts";
import { preciseTimeText, spanText } from "./times.ts";

export interface ScreenSize {
  readonly width: number;
  readonly height: number;
}

/** A view's lines within a space, and how many rows of a list there was room for. */
export interface Rendered {
  readonly lines: readonly Line[];
  readonly listRows: number;
}

const TITLES: Readonly<Record<View, string>> = {
  realtime: "Realtime",
  daily: "Daily",
  monthly: "Monthly",
  session: "Sessions",
};

const HEAD_LINES = 3;
const FOOT_LINES = 1;

/** Exactly `height` lines, none wider than `width`. */
export function renderScreen(state: WatchState, nowMs: number, size: ScreenSize): Rendered {
  const { width, height } = size;
  const space = { width: width - 2, height: Math.max(0, height - HEAD_LINES - FOOT_LINES) };
  const view = renderView(state, nowMs, space);
  const body = view.lines.slice(0, space.height).map((line) => [span(" "), ...line]);
  const blank = Array.from({ length: space.height - body.length }, () => EMPTY_LINE);
  const lines = [
    headLine(state, nowMs, width),
    tabLine(state),
    EMPTY_LINE,
    ...body,
    ...blank,
    footLine(state, nowMs, width),
  ];
  return {
    lines: lines.slice(0, height).map((line) => clipLine(line, width)),
    listRows: view.listRows,
  };
}

/** The view alone, for a page that nobody scrolls: as many lines as it has. */
export function renderView(state: WatchState, nowMs: number, size: ScreenSize): Rendered {
  if (state.isHelpShown) return { lines: renderHelpView(), listRows: 1 };
  const { page } = state.data;
  switch (page.view) {
    case "realtime":
      return renderRealtime(state, page.sessions, { nowMs, ...size });
    case "daily":
    case "monthly":
      return renderPeriods(state, page, { nowMs, ...size });
    case "session":
      return renderSessions(state, page, { nowMs, ...size });
  }
}

function headLine(state: WatchState, nowMs: number, width: number): Line {
  const agent = state.data.live.agent;
  const facts = [
    ...(agent === null ? [] : [printable(agent)]),
    state.timeZone,
    preciseTimeText(nowMs, state),
  ];
  return spread(
    [span(" "), span("usagedb", "title"), span(` ${TITLES[state.view]}`, "label")],
    [span(facts.join("  "), "muted"), span(" ")],
    width,
  );
}

function tabLine({ view, isHelpShown }: WatchState): Line {
  return [
    span(" "),
    ...VIEWS.flatMap((name, index) => [
      span(
        ` ${index + 1} ${TITLES[name].toLowerCase()} `,
        name === view && !isHelpShown ? "selected" : "muted",
      ),
      span(" "),
    ]),
  ];
}

const KEYS = "q quit  ? help  1-4 view  t theme  z zone  f clock";

function footLine(state: WatchState, nowMs: number, width: number): Line {
  const { trouble, reading, notice, data } = state;
  const right = (text: string, role: "bad" | "accent" | "muted"): Line => [
    span(text, role),
    span(" "),
  ];
  const left: Line = [span(` ${KEYS}`, "muted")];
  // What went wrong needs the room more than the keys do.
  if (trouble !== null) return clipLine([span(` ${trouble}`, "bad")], width);
  if (reading !== null && reading.total > 0) {
    const percent = Math.floor(Math.min(1, reading.done / reading.total) * 100);
    return spread(left, right(`reading transcripts ${percent}%`, "accent"), width);
  }
  if (notice !== null) return spread(left, right(notice, "accent"), width);
  return spread(left, right(`read ${spanText(nowMs - data.readAt)} ago`, "muted"), width);
}
