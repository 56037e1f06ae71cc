/** What `watch` shows, and what a key changes about it. Nothing here knows the terminal. */
import type { LiveReport } from "../../report/live.ts";
import type { PeriodReport } from "../../report/periods.ts";
import type { SessionReport, SessionRow } from "../../report/sessions.ts";
import { THEMES, type UsageConfig, VIEWS } from "../../store/usage-config.ts";
import type { Key } from "./keys.ts";
import { type Background, backgroundOfAnswer } from "./theme.ts";

export type View = UsageConfig["view"];

/** What a view needs, read from the database in one go. */
export interface WatchData {
  /** Epoch milliseconds. */
  readonly readAt: number;
  readonly live: LiveReport;
  readonly page:
    | { readonly view: "realtime"; readonly sessions: readonly SessionRow[] }
    | { readonly view: "daily" | "monthly"; readonly report: PeriodReport }
    | { readonly view: "session"; readonly report: SessionReport; readonly days: number };
}

export interface WatchState {
  readonly view: View;
  readonly theme: UsageConfig["theme"];
  /** The terminal's, when it told. */
  readonly background: Background | null;
  /** The zone shown, and those that a key goes through. */
  readonly timeZone: string;
  readonly zones: readonly string[];
  readonly is12h: boolean;
  /** Null: the one that was active last. */
  readonly agent: string | null;
  /** Rows passed over at the top of a list. */
  readonly scroll: number;
  /** Rows of the list that the screen had room for when it was drawn last. */
  readonly listRows: number;
  readonly isHelpShown: boolean;
  /** What the last key did. */
  readonly notice: string | null;
  /** Why the data could not be read anew. */
  readonly trouble: string | null;
  /** While transcripts are read: how far. */
  readonly reading: { readonly done: number; readonly total: number } | null;
  readonly data: WatchData;
}

/** What has to be done after a key, beside drawing. */
export type Effect = "none" | "load" | "sync" | "keep" | "redraw" | "suspend" | "quit";

export interface Pressed {
  readonly state: WatchState;
  readonly effect: Effect;
}

const VIEW_KEYS: Readonly<Record<string, View>> = {
  "1": "realtime",
  r: "realtime",
  "2": "daily",
  d: "daily",
  "3": "monthly",
  m: "monthly",
  "4": "session",
  s: "session",
};

/** What a key does; one without a meaning changes nothing. */
export function press(state: WatchState, key: Key): Pressed {
  if (key.type === "answer") {
    const background = backgroundOfAnswer(key.text);
    return kept(background === null ? state : { ...state, background });
  }
  const quiet = { ...state, notice: null };
  if (key.type === "control") return pressControl(quiet, key.name);
  if (state.isHelpShown && isClosing(key)) return kept({ ...quiet, isHelpShown: false });
  return key.type === "named" ? pressNamed(quiet, key.name) : pressText(quiet, key.text);
}

const kept = (state: WatchState): Pressed => ({ state, effect: "none" });

function isClosing(key: Key): boolean {
  if (key.type === "named") return key.name === "escape" || key.name === "enter";
  return key.type === "text" && (key.text === "?" || key.text === "h");
}

function pressControl(state: WatchState, name: string): Pressed {
  switch (name) {
    case "c":
    case "d":
      return { state, effect: "quit" };
    case "z":
      return { state, effect: "suspend" };
    case "l":
      return { state, effect: "redraw" };
    default:
      return kept(state);
  }
}

function pressNamed(state: WatchState, name: Extract<Key, { type: "named" }>["name"]): Pressed {
  switch (name) {
    case "tab":
    case "right":
      return showView(state, next(VIEWS, state.view, 1));
    case "back-tab":
    case "left":
      return showView(state, next(VIEWS, state.view, -1));
    case "up":
      return scrollBy(state, -1);
    case "down":
      return scrollBy(state, 1);
    case "page-up":
      return scrollBy(state, -state.listRows);
    case "page-down":
      return scrollBy(state, state.listRows);
    case "home":
      return scrollBy(state, -Infinity);
    case "end":
      return scrollBy(state, Infinity);
    case "enter":
    case "escape":
      return kept(state);
  }
}

function pressText(state: WatchState, text: string): Pressed {
  const view = VIEW_KEYS[text];
  if (view !== undefined) return showView(state, view);
  switch (text) {
    case "q":
    case "Q":
      return { state, effect: "quit" };
    case "?":
    case "h":
      return kept({ ...state, isHelpShown: true });
    case "t":
    case "T": {
      const theme = next(THEMES, state.theme, text === "t" ? 1 : -1);
      return kept({ ...state, theme, notice: `theme ${theme}` });
    }
    case "z":
    case "Z": {
      const timeZone = next(state.zones, state.timeZone, text === "z" ? 1 : -1);
      return { state: { ...state, timeZone, notice: `zone ${timeZone}` }, effect: "load" };
    }
    case "f":
      return kept({
        ...state,
        is12h: !state.is12h,
        notice: state.is12h ? "24-hour clock" : "12-hour clock",
      });
    case "a":
      return nextAgent(state);
    case "u":
      return { state: { ...state, notice: "reading" }, effect: "sync" };
    case "w":
      return { state, effect: "keep" };
    case "j":
      return scrollBy(state, 1);
    case "k":
      return scrollBy(state, -1);
    case "g":
      return scrollBy(state, -Infinity);
    case "G":
      return scrollBy(state, Infinity);
    case " ":
      return scrollBy(state, state.listRows);
    default:
      return kept(state);
  }
}

function showView(state: WatchState, view: View): Pressed {
  const isSame = view === state.view;
  return {
    state: { ...state, view, scroll: isSame ? state.scroll : 0, isHelpShown: false },
    effect: isSame ? "none" : "load",
  };
}

function nextAgent(state: WatchState): Pressed {
  const { agents, agent: shown } = state.data.live;
  if (shown === null || agents.length < 2)
    return kept({ ...state, notice: "no other agent has usage" });
  const agent = next(agents, shown, 1);
  return { state: { ...state, agent, notice: `agent ${agent}` }, effect: "load" };
}

/** The rows of the list that a view scrolls through. */
export function listLength({ page }: WatchData): number {
  if (page.view === "realtime") return page.sessions.length;
  return page.view === "session" ? page.report.session.length : page.report.rows.length;
}

function scrollBy(state: WatchState, rows: number): Pressed {
  // The last page is full: there is nothing to see below the last row.
  const last = Math.max(0, listLength(state.data) - state.listRows);
  return kept({ ...state, scroll: Math.max(0, Math.min(last, state.scroll + rows)) });
}

function next<Choice>(choices: readonly Choice[], current: Choice, step: 1 | -1): Choice {
  const at = choices.indexOf(current);
  return choices[(at + step + choices.length) % choices.length] ?? current;
}

/** The zones that a key goes through, the one shown first. */
export function zonesFrom(shown: string, machine: string): string[] {
  return [...new Set([shown, machine, "UTC", ...WELL_KNOWN_ZONES])];
}

const WELL_KNOWN_ZONES = [
  "America/Los_Angeles",
  "America/New_York",
  "Europe/London",
  "Europe/Berlin",
  "Asia/Kolkata",
  "Asia/Tokyo",
  "Australia/Sydney",
];
