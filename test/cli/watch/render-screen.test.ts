import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { columnLines, pageOf } from "../../../src/cli/columns.ts";
import { bar, sparkline } from "../../../src/cli/watch/bars.ts";
import { lineWidth, plainText } from "../../../src/cli/watch/line.ts";
import { loadData } from "../../../src/cli/watch/load.ts";
import type { Key } from "../../../src/cli/watch/keys.ts";
import { press, type WatchState, zonesFrom } from "../../../src/cli/watch/model.ts";
import { renderScreen } from "../../../src/cli/watch/render-screen.ts";
import type { NewUsageMessage, UsageDb } from "../../../src/index.ts";
import { printable } from "../../../src/cli/output.ts";
import { VIEWS } from "../../../src/store/usage-config.ts";
import { clockedDb, NOON } from "../../support/usage-db.ts";
import { message } from "../../support/usage-message.ts";

const MINUTE = 60_000;
const NOW = NOON + 90 * MINUTE;

function stateOf(db: UsageDb, change: Partial<WatchState> = {}): WatchState {
  const view = change.view ?? "realtime";
  const timeZone = "UTC";
  return {
    view,
    theme: "dark",
    background: null,
    timeZone,
    zones: zonesFrom(timeZone, timeZone),
    is12h: false,
    agent: null,
    scroll: 0,
    listRows: 1,
    isHelpShown: false,
    notice: null,
    trouble: null,
    reading: null,
    data: loadData(db, { view, timeZone, resetHour: 0, agent: null, nowMs: NOW }),
    ...change,
  };
}

const screenOf = (state: WatchState, width = 80, height = 24): string[] =>
  renderScreen(state, NOW, { width, height }).lines.map(plainText);

/** What somebody might put into a transcript to act on a terminal. */
const HOSTILE: Partial<NewUsageMessage> = {
  project: "/p/\u001b[2J\u202eevil\u0007\n日本語🧨",
  model: "claude-\u009b31mopus\u200b",
  session_id: "\u001b]0;title\u0007",
};

function fill(db: UsageDb, change: Partial<NewUsageMessage> = {}): void {
  db.messages.record(
    Array.from({ length: 40 }, (_, index) =>
      message({
        message_id: `m${index}`,
        session_id: `session-${index % 13}`,
        timestamp: NOW - index * index * 20 * MINUTE,
        output_tokens: 1000 * index,
        ...change,
      }),
    ),
  );
}

describe("renderScreen()", () => {
  it("fills any size exactly, whatever the data say", () => {
    using clocked = clockedDb();
    fill(clocked.db, HOSTILE);
    const states = VIEWS.flatMap((view) => {
      const state = stateOf(clocked.db, { view });
      return [state, { ...state, isHelpShown: true }, { ...state, trouble: "no ".repeat(200) }];
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...states),
        fc.integer({ min: 1, max: 220 }),
        fc.integer({ min: 1, max: 60 }),
        fc.nat(100),
        (state, width, height, scroll) => {
          const { lines } = renderScreen({ ...state, scroll }, NOW, { width, height });
          expect(lines).toHaveLength(height);
          for (const line of lines) expect(lineWidth(line)).toBeLessThanOrEqual(width);
          const shown = lines.map(plainText).join("");
          expect(printable(shown)).toBe(shown);
        },
      ),
    );
  });

  it("says what there is to say without usage", () => {
    using clocked = clockedDb();
    for (const view of VIEWS)
      expect(screenOf(stateOf(clocked.db, { view })).join("\n")).toContain("No usage");
  });

  it("says that no block goes on, and shows the sessions that were", () => {
    using clocked = clockedDb();
    clocked.db.messages.record([message({ timestamp: NOW - 20 * 60 * MINUTE })]);
    const screen = screenOf(stateOf(clocked.db)).join("\n");
    expect(screen).toContain("No block goes on");
    expect(screen).toContain("Recent sessions");
  });

  it("shows a cost that lacks a price as at least that much", () => {
    using clocked = clockedDb();
    fill(clocked.db);
    expect(screenOf(stateOf(clocked.db)).join("\n")).toMatch(/Cost +\?/);
  });

  it("tells in the last line of trouble before anything else, then of reading, then of keys", () => {
    using clocked = clockedDb();
    const state = stateOf(clocked.db, { notice: "theme dark" });
    const last = (change: Partial<WatchState>): string =>
      screenOf({ ...state, ...change }).at(-1) ?? "";
    const reading = { done: 25, total: 100 };
    expect(last({ trouble: "Cannot read", reading })).toBe(" Cannot read");
    expect(last({ reading })).toMatch(/reading transcripts 25%$/);
    expect(last({})).toMatch(/theme dark$/);
    expect(last({ notice: null })).toMatch(/read 0s ago$/);
  });
});

describe("press()", () => {
  const type = (state: WatchState, text: string): ReturnType<typeof press> =>
    press(state, { type: "text", text });

  it("goes no further than the last full page, and back at once", () => {
    using clocked = clockedDb();
    fill(clocked.db);
    const start = { ...stateOf(clocked.db, { view: "session" }), listRows: 5 };
    const end = type(start, "G").state;
    expect(end.scroll).toBe(13 - 5);
    expect(type(end, "j").state.scroll).toBe(8);
    expect(type(end, "k").state.scroll).toBe(7);
    expect(type(start, "k").state.scroll).toBe(0);
    expect(type(start, " ").state.scroll).toBe(5);
  });

  it("starts another view at its top, and leaves the same one where it is", () => {
    using clocked = clockedDb();
    const state = { ...stateOf(clocked.db), scroll: 3 };
    expect(type(state, "2")).toMatchObject({ effect: "load", state: { view: "daily", scroll: 0 } });
    expect(type(state, "1")).toMatchObject({ effect: "none", state: { scroll: 3 } });
  });

  it("goes through themes and zones in a ring, both ways", () => {
    using clocked = clockedDb();
    let state = stateOf(clocked.db);
    for (const key of ["t", "z"]) {
      const seen = new Set<string>();
      const shown = (): string => `${state.theme} ${state.timeZone}`;
      const start = shown();
      do {
        seen.add(shown());
        state = type(state, key).state;
      } while (shown() !== start);
      expect(seen.size).toBe(key === "t" ? 4 : state.zones.length);
      expect(type(type(state, key).state, key.toUpperCase()).state).toMatchObject({
        theme: state.theme,
        timeZone: state.timeZone,
      });
    }
  });

  it.each<[string, Key, string]>([
    ["q", { type: "text", text: "q" }, "quit"],
    ["Ctrl-C", { type: "control", name: "c" }, "quit"],
    ["Ctrl-D", { type: "control", name: "d" }, "quit"],
    ["Ctrl-Z", { type: "control", name: "z" }, "suspend"],
    ["Ctrl-L", { type: "control", name: "l" }, "redraw"],
    ["u", { type: "text", text: "u" }, "sync"],
  ])("has %s work from the help page too", (_, key, effect) => {
    using clocked = clockedDb();
    expect<string>(press(stateOf(clocked.db, { isHelpShown: true }), key).effect).toBe(effect);
  });

  it("closes the help with Esc, and leaves everything as it is for a key without a meaning", () => {
    using clocked = clockedDb();
    const state = stateOf(clocked.db, { isHelpShown: true });
    expect(press(state, { type: "named", name: "escape" }).state.isHelpShown).toBe(false);
    expect(type(state, "?").state.isHelpShown).toBe(false);
    expect(type(state, "x")).toEqual({ state, effect: "none" });
    expect(press(state, { type: "answer", text: "rubbish" })).toEqual({ state, effect: "none" });
  });

  it("goes through the agents that have usage", () => {
    using clocked = clockedDb();
    clocked.db.messages.record([message(), message({ agent: "codex", message_id: "c" })]);
    const state = stateOf(clocked.db);
    const other = type(state, "a").state.agent;
    expect(other).not.toBe(state.data.live.agent);
    expect(["claude", "codex"]).toContain(other ?? "");
  });
});

describe("columnLines()", () => {
  const columns = [
    { title: "Name", text: (row: string) => row, rank: 0, leastWidth: 4 },
    { title: "Twice", text: (row: string) => row + row, rank: 2 },
    { title: "N", text: (row: string) => String(row.length), rank: 1, align: "right" as const },
  ];
  const shown = (width: number): string => {
    const { head, body } = columnLines(columns, ["abcdef"], { width });
    return [head, ...body].map(plainText).join("\n");
  };

  it("leaves out what matters least, then cuts what may be cut", () => {
    expect(shown(40)).toBe("Name    Twice         N\nabcdef  abcdefabcdef  6");
    expect(shown(21)).toBe("Name  Twice         N\nabc…  abcdefabcdef  6");
    expect(shown(20)).toBe("Name    N\nabcdef  6");
    expect(shown(4)).toBe("Name\nabc…");
  });
});

describe("pageOf()", () => {
  it("shows the last page of a list that became shorter", () => {
    const rows = ["a", "b", "c", "d"].map((text) => [{ text, role: "plain" as const }]);
    const shown = (scroll: number, listRows: number): string =>
      pageOf(rows, scroll, listRows).map(plainText).join("");
    expect([shown(0, 2), shown(1, 2), shown(9, 2), shown(9, 9)]).toEqual([
      "ab",
      "bc",
      "cd",
      "abcd",
    ]);
  });
});

describe("bars", () => {
  it("are as wide as asked, filled by eighths, and never beyond", () => {
    expect(plainText(bar(0.5, 4, "good"))).toBe("██░░");
    expect(plainText(bar(1 / 32, 4, "good"))).toBe("▏░░░");
    expect(plainText(bar(7, 4, "good"))).toBe("████");
    expect(plainText(bar(-1, 4, "good"))).toBe("░░░░");
  });

  it("show the largest number highest, any other above nothing", () => {
    expect(sparkline([0, 1, 50, 100])).toBe(" ▁▄█");
    expect(sparkline([])).toBe("");
    expect(sparkline([0, 0])).toBe("  ");
  });
});
