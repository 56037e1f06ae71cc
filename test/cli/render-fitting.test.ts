import { describe, expect, it } from "bun:test";
import { renderFitting } from "../../src/cli/render-fitting.ts";
import type { UsageRow, UsageTable } from "../../src/cli/render-usage.ts";

const row = (name: string, totalCost: number, more: Partial<UsageRow> = {}): UsageRow => ({
  name,
  sub: null,
  modelsUsed: ["claude-opus-4-6"],
  inputTokens: 1234,
  outputTokens: 56_789,
  cacheCreationTokens: 999_999,
  cacheReadTokens: 12_345_678,
  totalTokens: 13_403_700,
  totalCost,
  ...more,
});

function table(rows: readonly UsageRow[], more: Partial<UsageTable> = {}): UsageTable {
  const [totals = row("", 0)] = rows;
  return { title: "day", group: null, rows, totals, unpricedModels: [], json: {}, ...more };
}

const DAYS = [row("2026-02-12", 10), row("2026-02-13", 5), row("2026-02-14", 0)];
const widest = (text: string): number =>
  Math.max(...text.split("\n").map((line) => Bun.stringWidth(line)));

describe("renderFitting()", () => {
  it("is never wider than the terminal, from 20 columns on, and keeps day, total and cost", () => {
    const grouped = DAYS.map((day) => ({
      ...day,
      sub: "/home/dev/a-project-with-a-very-long-name",
      shortSub: "a-project-with-a-very-long-name",
      modelsUsed: ["claude-opus-4-6", "claude-sonnet-4-5-20250929", "模型模型模型"],
    }));
    for (let width = 28; width <= 240; width++) {
      for (const one of [table(DAYS), table(grouped, { group: "project" })]) {
        if (one.group !== null && width < 38) continue;
        const { text } = renderFitting(one, { width, hasBars: true });
        expect([width, widest(text) <= width]).toEqual([width, true]);
        expect(text).toMatch(/^Day.*Total +Cost/);
        expect(text).toContain("2026-02-12");
        expect(text).toContain("$10.00");
      }
    }
  });

  it("names the columns that it leaves out", () => {
    const { leftOut } = renderFitting(table(DAYS), { width: 40, hasBars: true });
    expect(leftOut).toEqual(["Models", "Input", "Cache write", "Cache read"]);
    expect(renderFitting(table(DAYS), { width: 200, hasBars: true }).leftOut).toEqual([]);
  });

  it("says a model once where rows are told apart by it", () => {
    const byModel = DAYS.map((day) => ({ ...day, sub: "claude-opus-4-6", shortSub: "opus-4-6" }));
    const one = table(byModel, { group: "model" });
    for (const width of [80, 200]) {
      const { text, leftOut } = renderFitting(one, { width, hasBars: false });
      expect(text).not.toContain("Models");
      expect(text.match(/opus-4-6/g)).toHaveLength(3);
      expect(leftOut).toEqual([]);
    }
  });

  it("rounds numbers on a narrow terminal only", () => {
    expect(renderFitting(table(DAYS), { width: 100, hasBars: false }).text).toContain("12.3M");
    expect(renderFitting(table(DAYS), { width: 120, hasBars: false }).text).toContain("12,345,678");
  });

  it("draws each row's share of the largest where there is room, and none of the total", () => {
    const { text } = renderFitting(table(DAYS), { width: 200, hasBars: true });
    const bars = text.split("\n").map((line) => (line.match(/[█▏▎▍▌▋▊▉]+/)?.[0] ?? "").length);
    expect(bars).toEqual([0, 24, 12, 0, 0]);
  });

  it("draws tokens where a price is missing, and nothing for one row or without leave", () => {
    const unpriced = { unpricedModels: ["claude-opus-4-6"] };
    const bars = /█/;
    expect(renderFitting(table(DAYS, unpriced), { width: 200, hasBars: true }).text).toMatch(
      /2026-02-14.*█{24}/,
    );
    expect(renderFitting(table([row("x", 1)]), { width: 200, hasBars: true }).text).not.toMatch(
      bars,
    );
    expect(renderFitting(table(DAYS), { width: 200, hasBars: false }).text).not.toMatch(bars);
  });

  it("makes names harmless", () => {
    const evil = row("\u001b[2J", 1, { sub: "\u202eevil" });
    const { text } = renderFitting(table([evil], { group: "project" }), {
      width: 200,
      hasBars: true,
    });
    expect(text).toContain("\\u{1b}[2J");
    expect(text).toContain("\\u{202e}evil");
  });
});
