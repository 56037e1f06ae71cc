import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { activeBlockEnd } from "../../src/report/active-block.ts";
import { reportBlocks } from "../../src/report/blocks.ts";
import { clockedDb, NOON } from "../support/usage-db.ts";
import { message } from "../support/usage-message.ts";

const HOUR = 3_600_000;

describe("activeBlockEnd()", () => {
  it("ends the block that the report calls active, whatever came before", () => {
    // Whole hours make the borders of blocks likely, pauses of more than five hours the borders of runs.
    const step = fc.oneof(
      fc.constantFrom(0, 1, HOUR, 5 * HOUR - 1, 5 * HOUR, 5 * HOUR + 1, 30 * HOUR),
      fc.nat(7 * HOUR),
    );
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 25 }),
        fc.nat(6 * HOUR),
        (steps, later) => {
          using clocked = clockedDb();
          const { db } = clocked;
          let at = NOON - 100 * HOUR;
          db.messages.record(
            steps.map((ms, number) => {
              at += ms;
              return message({ message_id: `m${number}`, timestamp: at });
            }),
          );
          const nowMs = at + later;
          const { blocks } = reportBlocks(db, { timeZone: "UTC", nowMs });
          const active = blocks.find(({ isActive }) => isActive)?.endTime ?? null;
          const end = activeBlockEnd(db.connection, "claude", nowMs);
          expect(end === null ? null : new Date(end).toISOString()).toBe(active);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("says nothing of who made no pause in two months, rather than read years", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    const every4Hours = (days: number, prefix: string): void => {
      const messages = Array.from({ length: days * 6 }, (_, number) =>
        message({ message_id: `${prefix}${number}`, timestamp: NOON - number * 4 * HOUR }),
      );
      db.messages.record(messages);
    };
    every4Hours(20, "m");
    const { blocks } = reportBlocks(db, { timeZone: "UTC", nowMs: NOON });
    const end = activeBlockEnd(db.connection, "claude", NOON) ?? 0;
    expect(new Date(end).toISOString()).toBe(blocks.at(-1)?.endTime ?? "");
    every4Hours(120, "n");
    expect(activeBlockEnd(db.connection, "claude", NOON)).toBeNull();
  });

  it("knows each agent's own", () => {
    using clocked = clockedDb();
    const { db } = clocked;
    db.messages.record([message({ agent: "codex" })]);
    expect(activeBlockEnd(db.connection, "claude", NOON)).toBeNull();
    expect(activeBlockEnd(db.connection, "codex", NOON)).toBe(NOON + 5 * HOUR);
  });
});
